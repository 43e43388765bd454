import { federatedId, localId, type ClusterId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { forgeCommands } from './cli.ts';
import type { Repository, ShownRepository } from './contract.ts';

const owner = 'ab'.repeat(32) as ClusterId;
const own: Repository = {
  resource: federatedId(owner, localId('git', 'hansa')),
  name: 'hansa',
  role: 'own',
  ownerName: 'lubeck',
  description: 'the league',
  labels: { team: 'sea' },
  path: '/git/hansa.git',
  url: 'http://127.0.0.1:4000/git/hansa.git',
  head: 'refs/heads/main',
  refCount: 2,
  packCount: 1,
  sizeBytes: 2_048,
  epoch: 1,
  sequence: 7,
};
const mirrored: Repository = {
  ...own,
  role: 'mirror',
  url: 'http://127.0.0.1:4000/git/@lubeck/hansa.git',
};
const withRefs = (repository: Repository): ShownRepository => ({
  ...repository,
  protections: [],
  refs: [{ name: 'refs/heads/main', target: 'c0ffee' }],
});
const git = "git -c credential.helper='!npx hansa credential'";

const run = (name: string, line: CommandLine, calls?: (readonly [string, unknown])[]) =>
  runCommand(commandNamed(forgeCommands, name), line, calls);

test('hansa repo create says how stock git fills it', async () => {
  const { calls, output, shown } = await run('repo create', {
    answers: { 'forge.create': own },
    args: { name: 'hansa' },
    options: { description: 'the league', label: ['team=sea'] },
  });
  expect(calls[0]?.[1]).toEqual({
    name: 'hansa',
    description: 'the league',
    labels: { team: 'sea' },
  });
  expect(shown).toBe(`Made hansa, empty, at ${own.url}.`);
  expect(output.next).toEqual([
    `${git} push ${own.url} --all`,
    'hansa share add hansa --to <peer>',
  ]);
});

test('hansa repo list names mirrors with their owner', async () => {
  const repositories = [own, mirrored];
  const { shown } = await run('repo list', { answers: { 'forge.list': { repositories } } });
  expect(shown.split('\n')).toEqual([
    'NAME|ROLE|HEAD|REFS|SIZE|DESCRIPTION',
    'hansa|own|main|2|2.0 KiB|the league',
    'lubeck:hansa|mirror|main|2|2.0 KiB|the league',
  ]);
});

describe('hansa repo show', () => {
  test('ends with the whole command that clones it', async () => {
    const { output, shown } = await run('repo show', {
      answers: { 'forge.show': withRefs(own) },
      args: { name: 'hansa' },
    });
    expect(output.next?.[0]).toBe(`${git} clone ${own.url}`);
    expect(shown).toContain('refs/heads/main|c0ffee');
    expect(shown).toContain('… and 1 more refs.');
  });

  test('of a mirror says whose it is', async () => {
    const { output, shown } = await run('repo show', {
      answers: { 'forge.show': { ...withRefs(mirrored), refs: [], refCount: 0 } },
      args: { name: 'lubeck:hansa' },
    });
    expect(shown).toContain('role: read-only mirror of lubeck');
    expect(shown).toContain('Empty: nothing has arrived yet.');
    expect(output.next).toEqual([`${git} clone ${mirrored.url}`]);
  });
});

describe('hansa repo delete', () => {
  const line = (shown: Repository) => ({
    answers: { 'forge.show': withRefs(shown), 'forge.delete': shown },
    args: { name: 'hansa' },
  });

  test('deletes nothing that nobody confirmed', async () => {
    const calls: (readonly [string, unknown])[] = [];
    await expect(run('repo delete', line(own), calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
      facts: { question: 'Delete hansa with its history of 2 ref(s), for good?' },
    });
    expect(calls.map(([method]) => method)).toEqual(['forge.show']);
  });

  test('with --yes deletes it', async () => {
    const { calls, shown } = await run('repo delete', { ...line(own), options: { yes: true } });
    expect(calls.at(-1)).toEqual(['forge.delete', { name: 'hansa' }]);
    expect(shown).toBe('Deleted hansa.');
  });

  test('of a mirror is RESOURCE_READ_ONLY, without a question', () =>
    expect(run('repo delete', line(mirrored))).rejects.toMatchObject({
      code: 'RESOURCE_READ_ONLY',
    }));
});
