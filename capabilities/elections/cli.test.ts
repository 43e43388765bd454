// What `hansa election` asks and shows.
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { electionsCommands } from './cli.ts';

const printed: string[] = [];
const ran: unknown[] = [];
const commands = electionsCommands({
  me: 'host/1',
  clock: createHandClock(),
  run: async (words, { env }) => {
    ran.push(words, env);
    return 0;
  },
  print: async (_item, line) => void printed.push(line),
});
const run = (words: string, line: CommandLine) => runCommand(commandNamed(commands, words), line);
const args = { election: 'e' };
const leader = { candidate: 'anna', term: 7, value: 'http://a', sinceMs: 0 };
const term = { ...leader, election: 'e', ttlSeconds: 30 };
const election = {
  election: 'e',
  leader,
  candidates: [{ candidate: 'bob', value: '' }],
  lastTerm: 8,
};
const empty = { election: 'e', candidates: [], lastTerm: 8 };

test('campaign stands as this process where nobody is named', async () => {
  const { calls, shown } = await run('election campaign', {
    args,
    options: { ttl: '1m', wait: '5s', value: 'http://a' },
    answers: { 'election.campaign': term },
  });
  expect(calls[0]?.[1]).toEqual({
    election: 'e',
    candidate: 'host/1',
    value: 'http://a',
    ttlSeconds: 60,
    waitMs: 5_000,
  });
  expect(shown).toBe('anna leads in term 7, for 30 s unless renewed.');
});

test('run hands the term to the program and resigns after it', async () => {
  const { calls } = await run('election run', {
    args: { ...args, command: ['serve'] } as unknown as Record<string, string>,
    answers: {
      'election.campaign': term,
      'election.renew': { ttlSeconds: 30 },
      'election.resign': { election: 'e', term: 7 },
    },
  });
  expect(ran).toEqual([
    ['serve'],
    { HANSA_ELECTION: 'e', HANSA_ELECTION_TERM: '7', HANSA_ELECTION_CANDIDATE: 'anna' },
  ]);
  expect(calls.at(-1)).toEqual(['election.resign', { election: 'e', term: 7 }]);
  await expect(run('election run', { args, answers: {} })).rejects.toMatchObject({ code: 'USAGE' });
});

test('renew and resign name the term', async () => {
  const options = { term: '7' };
  const renew = { args, options, answers: { 'election.renew': { ttlSeconds: 30 } } };
  expect((await run('election renew', renew)).shown).toBe('Renewed for 30 s.');
  const answers = { 'election.resign': { election: 'e', term: 7 } };
  expect((await run('election resign', { args, options, answers })).shown).toBe(
    'Resigned from term 7 of e.',
  );
  await expect(
    run('election resign', { args, options: { term: 'x' }, answers }),
  ).rejects.toMatchObject({ code: 'USAGE' });
});

test('show, list, watch and forget tell who leads', async () => {
  const show = await run('election show', { args, answers: { 'election.show': election } });
  expect(show.shown).toContain('leads|anna|7|http://a');
  expect(show.shown).toContain('stands|bob');
  const none = await run('election show', { args, answers: { 'election.show': empty } });
  expect(none.shown).toBe('Nobody leads or stands; the last term was 8.');
  const list = await run('election list', {
    answers: { 'election.list': { elections: [election, empty], next: 'e' } },
  });
  expect(list.shown).toContain('e|anna|7|1');
  expect(list.output.next).toEqual(['hansa election list --after e']);
  await run('election watch', { args, answers: { 'election.watch': [election, empty] } });
  expect(printed).toEqual(['anna leads e in term 7  http://a', 'nobody leads e']);
  const forget = { args, answers: { 'election.forget': args } };
  expect((await run('election forget', forget)).shown).toBe('Forgot e.');
});
