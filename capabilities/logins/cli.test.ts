import type { Command } from '@hansa/foundation';
import { HansaError } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { runCommand } from '../../testkit/command-context.ts';
import { loginsCommands } from './cli.ts';

const asked: string[] = [];
const commands = loginsCommands({
  async secret(question) {
    asked.push(question);
    return question.includes('now') ? 'the old one' : 'the new one';
  },
});

function command(words: string): Command {
  const found = commands.find(({ noun, verb }) => `${noun} ${verb ?? ''}` === words);
  if (found === undefined) {
    throw new Error(`no command ${words}`);
  }
  return found;
}

const whoIs = (kind: string) => ({ kind, roles: [], all: false, scopes: [] });

const row = {
  id: 'A'.repeat(16),
  principal: 'user:anna',
  by: 'password',
  createdMs: 0,
  usedMs: 0,
  expiresMs: 1,
  source: 'unix',
  agent: 'hansa',
};

test('an invitation shows the code, and what its user types', async () => {
  const code = '7KQ2M-00000-00000-00000';
  const { shown, output } = await runCommand(command('login invite'), {
    args: { user: 'bob' },
    answers: { 'logins.invite': { user: 'bob', code, expiresMs: 0 } },
  });
  expect(shown).toContain(code);
  const typed = `hansa login --url <address> --code ${code}  # on the machine of bob`;
  expect(output.next).toEqual([typed]);
});

test('one’s own sessions are listed; whoever has none sees those of everybody', async () => {
  const own = await runCommand(command('session list'), {
    answers: { 'access.whoami': whoIs('principal'), 'logins.ownSessions': { sessions: [row] } },
  });
  expect(own.shown).toContain('user:anna|password');
  const all = await runCommand(command('session list'), {
    answers: {
      'access.whoami': whoIs('owner'),
      'logins.sessions': { sessions: [row], more: false },
    },
  });
  expect(all.output.data).toEqual({ sessions: [row] });
});

test('a session is ended as one’s own where it is, and as another’s where it is not', async () => {
  const id = row.id;
  const line = { args: { id } };
  const own = await runCommand(command('session end'), {
    ...line,
    answers: { 'access.whoami': whoIs('principal'), 'logins.endOwnSession': { id } },
  });
  expect(own.shown).toContain(`Ended ${id}`);
  const none = new HansaError('SESSION_NOT_FOUND', 'there is no such session');
  for (const answers of [
    { 'access.whoami': whoIs('principal'), 'logins.endOwnSession': none },
    { 'access.whoami': whoIs('owner') },
  ]) {
    const ended = { ...answers, 'logins.endSession': { id } };
    const other = await runCommand(command('session end'), { ...line, answers: ended });
    expect(other.calls.at(-1)).toEqual(['logins.endSession', { id }]);
  }
});

test('where nobody is, what comes next is to make somebody', async () => {
  const users = await runCommand(command('login list'), {
    answers: { 'logins.list': { logins: [], more: false } },
  });
  expect(users.output.next).toEqual(['hansa user add <name>']);
  const sessions = await runCommand(command('session list'), {
    answers: { 'access.whoami': whoIs('principal'), 'logins.ownSessions': { sessions: [] } },
  });
  expect(sessions.output.next).toEqual([]);
});

test('ending all sessions of somebody is asked for', async () => {
  const line = {
    options: { user: 'anna' },
    answers: { 'logins.endSessions': { ended: 2 } },
  };
  const calls: [string, unknown][] = [];
  const refused = runCommand(command('session end'), { ...line, confirm: false }, calls);
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  expect(calls).toEqual([]);
  const done = await runCommand(command('session end'), { ...line, confirm: true });
  expect(done.shown).toContain('Ended 2 session(s) of anna');
});

test('one’s own password takes the old one; another’s does not; nobody sees either', async () => {
  const own = await runCommand(command('login password'), {
    options: { passwordStdin: true },
    answers: { 'logins.changePassword': { ended: 1 } },
  });
  expect(own.calls).toEqual([
    ['logins.changePassword', { password: 'the old one', newPassword: 'the new one' }],
  ]);
  const other = await runCommand(command('login password'), {
    args: { user: 'bob' },
    options: { passwordStdin: true },
    answers: { 'logins.setPassword': { user: 'bob', ended: 0 } },
  });
  expect(other.calls).toEqual([
    ['logins.setPassword', { user: 'bob', newPassword: 'the new one' }],
  ]);
  expect(`${own.shown}${other.shown}`).not.toContain('one');
});

test('a provider is believed only after a yes, and its groups are read as theirs=ours', async () => {
  const line = {
    args: { provider: 'corp' },
    options: {
      issuer: 'https://id.example',
      client: 'hansa',
      group: ['a=b=ops', 'all=people'],
      yes: true,
    },
    answers: {
      'logins.putProvider': {
        provider: 'corp',
        issuer: 'https://id.example',
        client: 'hansa',
        hasSecret: false,
        scopes: [],
        groupsClaim: 'groups',
        groups: {},
        create: false,
      },
    },
  };
  const { calls } = await runCommand(command('login provider put'), line);
  expect(calls).toMatchObject([
    ['logins.putProvider', { groups: { 'a=b': 'ops', all: 'people' }, create: false }],
  ]);
  const wrong = runCommand(command('login provider put'), {
    ...line,
    options: { ...line.options, group: ['ops'] },
  });
  await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});
