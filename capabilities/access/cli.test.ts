import { HansaError, utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { accessCommands } from './cli.ts';
import type { AccessPolicy, Explained, PolicyPlan } from './contract.ts';

const text = 'forbid(principal, action, resource);';
const files = { read: async (path: string) => utf8(path === 'no.cedar' ? text : '') };

function command(words: string) {
  return commandNamed(accessCommands(files), words);
}

const explained: Explained = {
  principal: 'user:anna',
  displayName: 'Anna',
  permission: 'kv.write',
  target: 'kv/prices',
  known: true,
  allowed: false,
  reason: 'no role of anna here allows it (viewer)',
  policies: [],
  roles: [{ role: 'viewer', because: 'given to group:ops' }],
};
const policy: AccessPolicy = {
  id: 'none',
  effect: 'forbid',
  permissions: ['*.*'],
  text,
  writtenMs: 1_800_000_000_000,
};
const plan: PolicyPlan = {
  effect: 'forbid',
  permissions: ['*.*'],
  changes: [{ principal: 'user:anna', permission: 'kv.read', before: true, after: false }],
  truncated: true,
};

const asOwner = { kind: 'owner', roles: [], all: true, scopes: [] };

test('why tells the decision, what led to it, and who else may', async () => {
  const { calls, shown, output } = await runCommand(command('access why'), {
    answers: { 'access.why': explained, 'access.whoami': asOwner },
    args: { principal: 'anna', permission: 'kv.write', target: 'kv/prices' },
  });
  const asked = { principal: 'anna', permission: 'kv.write', target: 'kv/prices' };
  expect(calls).toEqual([
    ['access.whoami', {}],
    ['access.why', asked],
  ]);
  expect(shown.split('\n')).toEqual([
    'decision: refused',
    'because: no role of anna here allows it (viewer)',
    'principal: user:anna (Anna)',
    'permission: kv.write',
    'target: kv/prices',
    'decided by: nothing: what nothing permits is refused',
    'role: viewer: given to group:ops',
  ]);
  expect(output.next).toEqual(['hansa access who-can kv.write kv/prices']);
});

test('why tells whoever may not look at others about themselves, and nobody else', async () => {
  const forbidden = new HansaError('FORBIDDEN', 'not yours');
  const answers = {
    'access.why': forbidden,
    'access.whoami': {
      kind: 'principal',
      principal: 'user:anna',
      roles: [],
      all: false,
      scopes: [],
    },
    'access.whyMe': explained,
  };
  const asked = { permission: 'kv.write', target: 'kv/prices' };
  for (const principal of ['me', 'anna', 'user:anna']) {
    const { calls, shown } = await runCommand(command('access why'), {
      answers,
      args: { principal, ...asked },
    });
    expect(calls.at(-1)).toEqual(['access.whyMe', asked]);
    // It would be refused, and a refusal is recorded.
    expect(calls.map(([call]) => call)).not.toContain('access.why');
    expect(shown).toContain('decision: refused');
  }
  await expect(
    runCommand(command('access why'), { answers, args: { principal: 'olga', ...asked } }),
  ).rejects.toBe(forbidden);
});

test('why with scopes asks as a token of these would', async () => {
  const { target: _target, displayName: _name, ...bare } = explained;
  const { calls, shown } = await runCommand(command('access why'), {
    answers: {
      'access.whoami': asOwner,
      'access.why': { ...bare, allowed: true, withinScopes: true, policies: ['role:viewer'] },
    },
    args: { principal: 'anna', permission: 'kv.write' },
    options: { scope: ['api:kv.*'] },
  });
  expect(calls.at(-1)?.[1]).toMatchObject({ scopes: ['api:kv.*'] });
  expect(shown).toContain('token scopes: let it through');
  expect(shown).toContain('decided by: role:viewer');
  expect(shown).toContain('target: all');
});

test('who-can lists principals with what lets them, and says when there are more', async () => {
  const { shown } = await runCommand(command('access who-can'), {
    answers: {
      'access.whoCan': {
        principals: [{ principal: 'user:anna', displayName: 'Anna', policies: ['role:viewer'] }],
        truncated: true,
      },
    },
    args: { permission: 'kv.read' },
  });
  expect(shown).toBe(
    'PRINCIPAL|NAME|BY\nuser:anna|Anna|role:viewer\nThere are more: these are the first.',
  );
});

test('permissions lists each once, with all that needs it', async () => {
  const { shown } = await runCommand(command('access permissions'), {
    answers: {
      'access.permissions': {
        permissions: [
          {
            permission: 'kv.read',
            uses: [
              { call: 'kv.get', summary: 'Reads.' },
              { call: 'kv.list', summary: 'Lists.' },
            ],
          },
        ],
      },
    },
  });
  expect(shown).toBe('PERMISSION|CALL|WHAT IT DOES\nkv.read|kv.get|Reads.\n|kv.list|Lists.');
});

test('whoami tells a person the roles, the scopes and the end of the session', async () => {
  const { shown } = await runCommand(command('whoami'), {
    answers: {
      'access.whoami': {
        kind: 'principal',
        principal: 'user:anna',
        displayName: 'Anna',
        proof: 'session:1',
        roles: [{ role: 'viewer', because: 'given to user:anna' }],
        all: false,
        scopes: ['api:*.read', 'app:*'],
        expiresMs: 1_800_000_000_000,
      },
    },
  });
  expect(shown.split('\n').slice(0, 4)).toEqual([
    'you are: user:anna (Anna)',
    'by: session:1',
    'role: viewer: given to user:anna',
    'you may: api:*.read app:*',
  ]);
  expect(shown).toContain('until: ');
});

test('whoami tells the owner that they may everything', async () => {
  const { shown } = await runCommand(command('whoami'), {
    answers: { 'access.whoami': { kind: 'owner', roles: [], all: true, scopes: [] } },
  });
  expect(shown).toBe('you are: the owner of the cluster\nyou may: everything');
});

test('put-policy reads the file and asks first; with --plan it changes nothing', async () => {
  const line = { args: { id: 'none', file: 'no.cedar' } };
  const put = command('access put-policy');
  const done = await runCommand(put, {
    ...line,
    answers: { 'access.putPolicy': policy },
    confirm: true,
  });
  expect(done.questions).toEqual(['Decide by the policy none from now on?']);
  expect(done.calls).toEqual([['access.putPolicy', { id: 'none', text }]]);
  expect(done.shown).toBe('The policy none counts: forbids every permission.');
  const planned = await runCommand(put, {
    ...line,
    answers: { 'access.planPolicy': plan },
    options: { plan: true, on: ['kv/a'] },
  });
  expect(planned.calls).toEqual([['access.planPolicy', { id: 'none', text, targets: ['kv/a'] }]]);
  expect(planned.shown.split('\n')).toEqual([
    'It forbids every permission.',
    'PRINCIPAL|PERMISSION|TARGET|NOW|THEN',
    'user:anna|kv.read|all|allowed|refused',
    'More would change: these are the first.',
  ]);
  await expect(runCommand(put, { ...line, answers: {} })).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
});

test('remove-policy plans, asks and removes', async () => {
  const remove = command('access remove-policy');
  const args = { id: 'none' };
  const planned = await runCommand(remove, {
    answers: { 'access.planPolicy': { ...plan, changes: [], truncated: false } },
    args,
    options: { plan: true },
  });
  expect(planned.shown).toContain('nobody’s decision changes');
  expect(planned.output.next).toEqual(['hansa access remove-policy none --yes']);
  const done = await runCommand(remove, {
    answers: { 'access.removePolicy': policy },
    args,
    options: { yes: true },
  });
  expect(done.shown).toBe('The policy none counts no more.');
});

test('policies are listed by id and shown with their text', async () => {
  const list = await runCommand(command('access policies'), {
    answers: { 'access.policies': { policies: [policy] } },
  });
  expect(list.shown).toMatch(/^ID\|EFFECT\|PERMISSIONS\|WRITTEN\nnone\|forbid\|\*\.\*\|/);
  const one = await runCommand(command('access policy'), {
    answers: { 'access.policy': policy },
    args: { id: 'none' },
  });
  expect(one.shown).toContain(text);
});

test('role map asks, tells what is what here, and how to undo it', async () => {
  const map = { cluster: 'b'.repeat(64), name: 'lubeck', from: 'role:admin', role: 'viewer' };
  const { questions, calls, shown, output } = await runCommand(command('role map'), {
    answers: { 'access.map': map },
    args: { peer: 'lubeck', theirs: 'role:admin', role: 'viewer' },
    confirm: true,
  });
  expect(questions).toEqual(['Let whoever has role:admin in lubeck have the role viewer here?']);
  expect(calls).toEqual([['access.map', { peer: 'lubeck', from: 'role:admin', role: 'viewer' }]]);
  expect(shown).toBe('role:admin of lubeck is viewer here.');
  expect(output.next).toContain('hansa role unmap lubeck role:admin viewer');
});

test('role unmap and role maps tell what is left', async () => {
  const map = { cluster: 'b'.repeat(64), from: 'role:admin', role: 'viewer' };
  const line = {
    answers: { 'access.unmap': { removed: [map] } },
    args: { peer: 'lubeck', theirs: 'role:admin' },
  };
  await expect(runCommand(command('role unmap'), line)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  const unmapped = await runCommand(command('role unmap'), { ...line, options: { yes: true } });
  expect(unmapped.shown).toBe('role:admin of lubeck has no role viewer here any more.');
  const listed = await runCommand(command('role maps'), {
    answers: { 'access.maps': { maps: [map] } },
    options: { peer: 'lubeck' },
  });
  expect(listed.calls).toEqual([['access.maps', { peer: 'lubeck' }]]);
  expect(listed.shown).toBe(`CLUSTER|THEIRS|ROLE HERE\nbbbbbbbb|role:admin|viewer`);
});
