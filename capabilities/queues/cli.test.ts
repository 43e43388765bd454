// What `hansa queue` asks and shows.
import { utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { queuesCommands } from './cli.ts';

const commands = queuesCommands({ me: 'host/1', read: async () => utf8('one\ntwo\n\nthree\n') });
const run = (words: string, line: CommandLine) => runCommand(commandNamed(commands, words), line);
const args = { queue: 'q' };
const settings = { visibilitySeconds: 30, attemptsMax: 3, dedupSeconds: 300 };
const queue = { queue: 'q', settings, last: 7 };
const item = { sequence: 7, attempt: 1, payload: 'to anna', encoding: 'text', pushedMs: 0 };
/** As the program hands on an argument that repeats. */
const receipts = (...words: string[]) =>
  ({ ...args, receipt: words }) as unknown as Readonly<Record<string, string>>;

test('create sends what was set, in seconds', async () => {
  const options = { visibility: '1m', attempts: '5', dedup: '10m', expires: '1d' };
  const { calls, shown } = await run('queue create', {
    args,
    options,
    answers: { 'queue.create': { ...queue, settings: { ...settings, ttlSeconds: 86_400 } } },
  });
  expect(calls[0]?.[1]).toEqual({
    queue: 'q',
    settings: { visibilitySeconds: 60, attemptsMax: 5, dedupSeconds: 600, ttlSeconds: 86_400 },
  });
  expect(shown).toContain('for 5 minutes, items go after 1 day');
});

test('push takes a text, a file, or a line each', async () => {
  const answers = { 'queue.push': { sequences: [7], duplicates: 0 } };
  const text = { args: { ...args, payload: 'x' }, options: { id: 'o1' }, answers };
  const one = await run('queue push', text);
  expect(one.calls[0]?.[1]).toEqual({
    queue: 'q',
    items: [{ payload: 'x', encoding: 'text', id: 'o1' }],
  });
  const lines = { args, options: { file: '-', lines: true, group: 'g' }, answers };
  const many = await run('queue push', lines);
  expect(many.calls[0]?.[1]).toMatchObject({
    items: ['one', 'two', 'three'].map((payload) => ({ payload, group: 'g' })),
  });
  const usage = { code: 'USAGE' };
  await expect(run('queue push', { args, answers })).rejects.toMatchObject(usage);
  await expect(
    run('queue push', { ...lines, options: { ...lines.options, id: 'o1' } }),
  ).rejects.toMatchObject(usage);
});

test('pull shows receipts, and may acknowledge at once', async () => {
  const answers = {
    'queue.pull': { items: [item] },
    'queue.ack': { settled: 1, lost: [] },
  };
  const { calls, shown, output } = await run('queue pull', {
    args,
    options: { limit: '2', wait: '10s', visibility: '1m' },
    answers,
  });
  expect(calls[0]?.[1]).toEqual({
    queue: 'q',
    consumer: 'host/1',
    limit: 2,
    waitMs: 10_000,
    visibilitySeconds: 60,
  });
  expect(shown).toContain('7.1||to anna');
  expect(output.next).toEqual(['hansa queue ack q 7.1']);
  const done = await run('queue pull', { args, options: { ack: true }, answers });
  expect(done.calls.at(-1)).toEqual([
    'queue.ack',
    { queue: 'q', items: [{ sequence: 7, attempt: 1 }] },
  ]);
});

test.each([
  ['queue ack', 'queue.ack', {}, 'done'],
  ['queue nack', 'queue.nack', { delay: '1m' }, 'given back'],
  ['queue extend', 'queue.extend', { visibility: '1m' }, 'hidden for longer'],
])('%s reads receipts, and says which were lost', async (words, method, options, what) => {
  const line = (answer: object) => ({
    args: receipts('7.1', '9.2'),
    options,
    answers: { [method]: answer },
  });
  const { calls, shown, output } = await run(words, line({ settled: 1, lost: [9] }));
  expect(calls[0]?.[1]).toMatchObject({
    items: [
      { sequence: 7, attempt: 1 },
      { sequence: 9, attempt: 2 },
    ],
  });
  expect([shown, output.exit]).toEqual([`1 item(s) ${what}. Lost before: 9.`, 5]);
  expect((await run(words, line({ settled: 2, lost: [] }))).output.exit).toBe(0);
  await expect(run(words, { ...line({}), args: receipts('seven') })).rejects.toMatchObject({
    code: 'USAGE',
  });
});

test('peek, dead, show and list tell what there is', async () => {
  const answers = {
    'queue.peek': { items: [item] },
    'queue.dead': { items: [item] },
    'queue.show': { ...queue, items: 3, hidden: 1, dead: 2, oldestMs: 0 },
    'queue.list': { queues: [queue] },
  };
  expect((await run('queue peek', { args, answers })).shown).toContain('7.1||to anna');
  const dead = await run('queue dead', { args, answers });
  expect(dead.output.next).toEqual(['hansa queue redrive q --yes']);
  const show = await run('queue show', { args, answers });
  expect(show.shown).toContain('dead letters: 2');
  expect(show.output.next).toEqual(['hansa queue dead q']);
  expect((await run('queue list', { answers })).shown).toContain('q|7|hidden for 30 seconds');
});

test.each([
  ['queue redrive', { 'queue.redrive': { redriven: 2 } }, '2 item(s) were pushed again.'],
  ['queue remove', { 'queue.remove': queue }, 'Removed q.'],
])('%s asks first', async (words, answers, said) => {
  const calls: (readonly [string, unknown])[] = [];
  const line = { args, answers };
  await expect(runCommand(commandNamed(commands, words), line, calls)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  expect(calls).toEqual([]);
  expect((await run(words, { ...line, options: { yes: true } })).shown).toBe(said);
});
