import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { appsCommands } from './cli.ts';
import type { App } from './contract.ts';

const cluster = 'c'.repeat(64);
const ledger: App = {
  id: 'ledger',
  version: '1.4.0',
  name: 'The ledger',
  capabilities: ['audit'],
  cluster: cluster as never,
  clusterName: 'bergen',
};

function command(words: string) {
  return commandNamed(appsCommands, `app ${words}`);
}

test('register sends the manifest as it was typed; the name is the id where none was', async () => {
  const { calls, shown } = await runCommand(command('register'), {
    answers: { 'apps.register': ledger },
    args: { id: 'ledger' },
    options: { appVersion: '1.4.0', capability: ['audit'], private: true },
  });
  expect(calls).toEqual([
    [
      'apps.register',
      {
        id: 'ledger',
        version: '1.4.0',
        name: 'ledger',
        capabilities: ['audit'],
        endpoint: undefined,
        private: true,
      },
    ],
  ]);
  expect(shown).toBe('Registered ledger 1.4.0.');
});

test('list shows where each app is, and whom nobody heard', async () => {
  const apps = [
    { ...ledger, endpoint: 'http://127.0.0.1:8080', private: true },
    { ...ledger, distance: 0, via: cluster },
    { ...ledger, distance: 1, via: cluster, clusterName: undefined },
  ];
  const unheard = [{ peer: 'riga', problem: { code: 'LINK_DOWN', message: 'not connected' } }];
  const { shown } = await runCommand(command('list'), {
    answers: { 'apps.list': { apps, unheard } },
  });
  expect(shown.split('\n')).toEqual([
    'APP|VERSION|NAME|CAPABILITIES|CLUSTER|WAY',
    'ledger|1.4.0|The ledger|audit|bergen|http://127.0.0.1:8080, private',
    'ledger|1.4.0|The ledger|audit|bergen|linked',
    'ledger|1.4.0|The ledger|audit|cccccccc|1 between',
    'riga: LINK_DOWN: not connected',
  ]);
});

test('find and remove say what they found and did', async () => {
  const none = await runCommand(command('find'), {
    answers: { 'apps.find': { apps: [] } },
    args: { capability: 'audit' },
  });
  expect(none.shown).toBe('no app that is known here has audit');
  const gone = await runCommand(command('remove'), {
    answers: { 'apps.remove': { id: 'ledger' } },
    args: { id: 'ledger' },
  });
  expect(gone.shown).toBe('Removed ledger.');
});

test('call shows the answer as it is; a status of failure is one of the command, too', async () => {
  const answer = { status: 200, body: 'hello', encoding: 'utf8', cluster, hops: [] };
  const line = { args: { app: 'ledger', path: '/a' }, options: { token: 'a.\n b', body: 'x' } };
  const good = await runCommand(command('call'), { ...line, answers: { 'apps.call': answer } });
  expect(good.shown).toBe('hello');
  expect(good.output.exit).toBeUndefined();
  expect(good.calls).toMatchObject([
    ['apps.call', { id: 'ledger', path: '/a', method: 'GET', body: 'x', token: 'a.b' }],
  ]);
  const failed = { ...answer, status: 404, body: 'no' };
  const bad = await runCommand(command('call'), { ...line, answers: { 'apps.call': failed } });
  expect(bad.shown).toBe('The app answered with status 404.\nno');
  expect(bad.output.exit).toBe(1);
});
