import { clusterIdSchema, HansaError, type Command } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { directoryCommands } from './cli.ts';
import type { GroupWithMembers, ShownAccount, ShownDirectory, ShownRole } from './contract.ts';

const lubeck = clusterIdSchema.parse('ab'.repeat(32));
const bergen = clusterIdSchema.parse('cd'.repeat(32));
const place = {
  role: 'own',
  home: lubeck,
  ownerName: 'lubeck',
  directory: `${lubeck}:directory/people` as ShownAccount['directory'],
} as const;
const anna: ShownAccount = {
  ...place,
  name: 'anna',
  principal: 'user:anna' as ShownAccount['principal'],
  sinceMs: 0,
  displayName: 'Anna Berg',
  disabled: false,
  groups: ['ops'],
  roles: ['viewer'],
  clusterRoles: { [bergen]: ['editor'] },
  clusters: [bergen],
  grants: [
    { role: 'viewer', by: 'user:anna' },
    { role: 'operator', by: 'group:ops' },
  ],
};
const mirrored: ShownAccount = { ...anna, role: 'mirror', home: bergen, ownerName: 'bergen' };
const ci: ShownAccount = { ...anna, name: 'ci', principal: 'service:ci' as never, grants: [] };
const ops: GroupWithMembers = {
  ...place,
  name: 'ops',
  roles: ['operator'],
  clusterRoles: {},
  memberCount: 1,
  members: [anna.principal],
};
const deployer: ShownRole = {
  role: 'deployer',
  builtIn: false,
  scopes: ['api:kv.read', 'app:ledger'],
  holders: ['group:ops'],
};
const people: ShownDirectory = {
  ...place,
  name: 'people',
  description: '',
  counts: true,
  users: 2,
  groups: 1,
  services: 1,
  roles: 0,
};

const command = (words: string): Command => commandNamed(directoryCommands, words);

describe('hansa user and hansa service', () => {
  test('add says what was given and nothing else, and that it must not be there', async () => {
    const { calls, shown, output } = await runCommand(command('user add'), {
      answers: { 'directory.putUser': { ...anna, grants: [] } },
      args: { name: 'anna' },
      options: { displayName: 'Anna Berg', group: ['ops'], cluster: 'bergen' },
    });
    const words = { displayName: 'Anna Berg', groups: ['ops'], clusters: ['bergen'] };
    expect(calls).toStrictEqual([
      ['directory.putUser', { user: 'anna', expect: 'absent', ...words }],
    ]);
    expect(shown).toBe('Added anna.');
    expect(output.next).toEqual(['hansa role assign viewer anna', 'hansa user show anna']);
    const service = await runCommand(command('service add'), {
      answers: { 'directory.putService': ci },
      args: { name: 'ci' },
      options: { role: ['viewer', 'editor'], directory: 'machines' },
    });
    expect(service.calls[0]).toStrictEqual([
      'directory.putService',
      { service: 'ci', expect: 'absent', roles: ['viewer', 'editor'], directory: 'machines' },
    ]);
    expect(service.shown).toBe('Added service:ci.');
  });

  test('set changes who is there; empty text takes away', async () => {
    const { calls } = await runCommand(command('user set'), {
      answers: { 'directory.putUser': anna },
      args: { name: 'anna' },
      options: { email: '', cluster: [''] },
    });
    expect(calls[0]?.[1]).toStrictEqual({
      user: 'anna',
      expect: 'present',
      email: '',
      clusters: [],
    });
    const unsaid = runCommand(command('service set'), { answers: {}, args: { name: 'ci' } });
    const fix = 'say it: hansa service set ci --display-name <text>, or --cluster <peer>';
    await expect(unsaid).rejects.toMatchObject({ code: 'USAGE', fix });
  });

  test.each([
    ['user disable', true, 'anna is let in nowhere.'],
    ['user enable', false, 'anna is let in again.'],
  ])('%s asks for nothing else', async (words, disabled, told) => {
    const answers = { 'directory.putUser': anna };
    const { calls, shown } = await runCommand(command(words), { answers, args: { name: 'anna' } });
    expect(calls[0]?.[1]).toStrictEqual({ user: 'anna', expect: 'present', disabled });
    expect(shown).toBe(told);
  });

  test('show tells own roles and those by groups; of another home, how to map them', async () => {
    const args = { name: 'anna' };
    const own = await runCommand(command('user show'), {
      answers: { 'directory.showUser': anna },
      args,
    });
    expect(own.shown).toContain(`roles: viewer, editor in cluster ${bergen}`);
    expect(own.shown).toContain('by groups: operator (group:ops)');
    const there = await runCommand(command('user show'), {
      answers: { 'directory.showUser': mirrored },
      args,
    });
    expect(there.output.next).toEqual(['hansa role map bergen user:anna <role>']);
  });

  test('list spells who is at home elsewhere as every command takes it, and names the next page', async () => {
    const { calls, shown, output } = await runCommand(command('user list'), {
      answers: { 'directory.users': { users: [anna, mirrored], cursor: 'anna@x' } },
      options: { limit: '2', home: 'bergen' },
    });
    expect(calls[0]?.[1]).toStrictEqual({ home: 'bergen', limit: 2 });
    expect(shown).toContain(
      `anna@bergen|bergen|Anna Berg|yes|ops|viewer, editor in cluster ${bergen}`,
    );
    expect(output.next).toEqual(['hansa user list --home bergen --cursor anna@x']);
  });

  test('remove shows what is lost and asks; a plan changes nothing', async () => {
    const answers = { 'directory.showUser': anna, 'directory.removeUser': anna };
    const line = { answers, args: { name: 'anna' } };
    const calls: (readonly [string, unknown])[] = [];
    const refused = runCommand(command('user remove'), line, calls);
    await expect(refused).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: { question: expect.stringContaining('It loses viewer, operator.') },
    });
    const plan = await runCommand(
      command('user remove'),
      { ...line, options: { plan: true } },
      calls,
    );
    expect(plan.shown).toContain('This is a plan');
    expect(calls.map(([method]) => method)).toEqual(['directory.showUser', 'directory.showUser']);
    const done = await runCommand(command('user remove'), { ...line, options: { yes: true } });
    expect(done.shown).toBe('Removed anna.');
  });
});

describe('hansa group', () => {
  test('is made, joined, left and shown', async () => {
    const answers = {
      'directory.putGroup': ops,
      'directory.addMember': ops,
      'directory.removeMember': ops,
      'directory.showGroup': ops,
      'directory.groups': { groups: [ops] },
    };
    const args = { group: 'ops', member: 'service:ci' };
    const add = await runCommand(command('group add'), { answers, args });
    expect(add.calls[0]?.[1]).toStrictEqual({ group: 'ops', expect: 'absent' });
    const join = await runCommand(command('group join'), { answers, args });
    expect(join.calls[0]).toEqual(['directory.addMember', args]);
    const leave = await runCommand(command('group leave'), { answers, args });
    expect(leave.calls[0]).toEqual(['directory.removeMember', args]);
    const show = await runCommand(command('group show'), { answers, args });
    expect(show.shown).toContain('members: user:anna');
    const list = await runCommand(command('group list'), { answers });
    expect(list.shown).toContain('ops|lubeck|1|operator|');
    const options = { description: '' };
    const set = await runCommand(command('group set'), { answers, args, options });
    expect(set.calls[0]?.[1]).toStrictEqual({ group: 'ops', expect: 'present', description: '' });
    const unsaid = runCommand(command('group set'), { answers, args });
    const fix = 'say it: hansa group set ops --description <text>';
    await expect(unsaid).rejects.toMatchObject({ code: 'USAGE', fix });
  });

  test('with members is removed after a yes alone', async () => {
    const answers = { 'directory.showGroup': ops, 'directory.removeGroup': ops };
    const line = { answers, args: { group: 'ops' } };
    const refused = runCommand(command('group remove'), line);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const plan = await runCommand(command('group remove'), { ...line, options: { plan: true } });
    expect(plan.calls).toHaveLength(1);
    const done = await runCommand(command('group remove'), { ...line, confirm: true });
    expect(done.questions).toEqual(['Remove group ops? 1 members lose operator.']);
  });
});

describe('hansa role', () => {
  const answers = {
    'directory.showRole': deployer,
    'directory.defineRole': deployer,
    'directory.removeRole': deployer,
    'directory.roles': { roles: [deployer] },
  };

  test('define changes what people have after a yes; its plan says who gains and loses what', async () => {
    const line = { answers, args: { role: 'deployer' }, options: { scope: ['api:kv.write'] } };
    const refused = runCommand(command('role define'), line);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const options = { scope: ['api:kv.write', 'app:ledger'], plan: true };
    const plan = await runCommand(command('role define'), { ...line, options });
    expect(plan.output.data).toEqual({
      role: 'deployer',
      gains: ['api:kv.write'],
      loses: ['api:kv.read'],
      holders: ['group:ops'],
    });
    expect(plan.calls).toHaveLength(1);
    const done = await runCommand(command('role define'), { ...line, confirm: true });
    expect(done.calls.at(-1)).toEqual([
      'directory.defineRole',
      { role: 'deployer', scopes: ['api:kv.write'] },
    ]);
  });

  test('define keeps the scopes of a role where none is named, and makes none without', async () => {
    const line = { answers, args: { role: 'deployer' }, options: { description: 'it deploys' } };
    const done = await runCommand(command('role define'), { ...line, confirm: true });
    expect(done.calls.at(-1)).toEqual([
      'directory.defineRole',
      { role: 'deployer', scopes: ['api:kv.read', 'app:ledger'], description: 'it deploys' },
    ]);
    const unknown = new HansaError('ROLE_NOT_FOUND', 'no such role');
    const made = runCommand(command('role define'), {
      ...line,
      answers: { ...answers, 'directory.showRole': unknown },
    });
    await expect(made).rejects.toMatchObject({
      code: 'USAGE',
      fix: 'hansa role define deployer --scope <scope>',
    });
  });

  test('remove asks where somebody has it', async () => {
    const line = { answers, args: { role: 'deployer' } };
    const refused = runCommand(command('role remove'), line);
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const unused = { ...answers, 'directory.showRole': { ...deployer, holders: [] } };
    const done = await runCommand(command('role remove'), { ...line, answers: unused });
    expect(done.shown).toBe('Removed role deployer.');
  });

  test('assign and unassign name the holder and the cluster', async () => {
    const given = { given: { to: 'group:ops', roles: [], clusterRoles: { [bergen]: ['viewer'] } } };
    const line = {
      answers: { 'directory.assign': given, 'directory.unassign': given },
      args: { role: 'viewer', to: 'group:ops' },
    };
    const options = { cluster: 'bergen' };
    const assign = await runCommand(command('role assign'), { ...line, options });
    expect(assign.calls[0]?.[1]).toStrictEqual({ ...line.args, cluster: 'bergen' });
    expect(assign.shown).toBe(`group:ops has viewer in cluster ${bergen}.`);
    expect(assign.output.next).toEqual(['hansa group show ops']);
    const unassign = await runCommand(command('role unassign'), line);
    expect(unassign.calls[0]?.[1]).toStrictEqual(line.args);
  });

  test('list and show tell who has it', async () => {
    const list = await runCommand(command('role list'), { answers });
    expect(list.shown).toContain('deployer|no|2|1|');
    const show = await runCommand(command('role show'), { answers, args: { role: 'deployer' } });
    expect(show.shown).toContain('holders: group:ops');
  });
});

describe('hansa directory', () => {
  const answers = {
    'directory.createDirectory': people,
    'directory.directories': {
      directories: [people, { ...people, role: 'mirror', counts: false }],
    },
    'directory.showDirectory': people,
    'directory.removeDirectory': people,
  };

  test('is made, listed and shown', async () => {
    const args = { directory: 'people' };
    const create = await runCommand(command('directory create'), { answers, args });
    expect(create.calls[0]?.[1]).toStrictEqual(args);
    expect(create.output.next).toContain('hansa share add directory/people --to <peer>');
    const list = await runCommand(command('directory list'), { answers });
    expect(list.shown).toContain('people|own|—|yes|2|1|1|0');
    expect(list.shown).toContain('lubeck:people|mirror|—|no|2|1|1|0');
    const show = await runCommand(command('directory show'), { answers, args });
    expect(show.shown).toContain('users: 2');
  });

  test('is removed with everybody in it after a yes', async () => {
    const line = { answers, args: { directory: 'people' } };
    const refused = runCommand(command('directory remove'), line);
    await expect(refused).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: { question: expect.stringContaining('2 users and 1 service accounts') },
    });
    const done = await runCommand(command('directory remove'), { ...line, options: { yes: true } });
    expect(done.shown).toBe('Removed directory people.');
  });
});
