// What `hansa barrier` asks and shows.
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { barriersCommands } from './cli.ts';

const run = (words: string, line: CommandLine) =>
  runCommand(commandNamed(barriersCommands, words), line);
const args = { barrier: 'b' };
const barrier = { barrier: 'b', parties: 3, generation: 1, open: true, present: ['x', 'y'] };

test('enter comes for so many, and leave tells who has not left', async () => {
  const entered = { barrier: 'b', participant: 'x', generation: 1, ttlSeconds: 30 };
  const enter = await run('barrier enter', {
    args,
    options: { parties: '3', participant: 'x', ttl: '1m', wait: '5m' },
    answers: { 'barrier.enter': entered },
  });
  expect(enter.calls[0]?.[1]).toEqual({
    barrier: 'b',
    participant: 'x',
    parties: 3,
    ttlSeconds: 60,
    waitMs: 300_000,
  });
  expect(enter.shown).toBe('All are at b.');
  const leave = (remaining: number) =>
    run('barrier leave', {
      args,
      options: { participant: 'x' },
      answers: { 'barrier.leave': { remaining } },
    });
  expect((await leave(0)).shown).toBe('All have left.');
  const { shown, output } = await leave(2);
  expect([shown, output.exit]).toEqual(['2 have not left yet.', 5]);
});

test('renew, show and list tell who is there', async () => {
  const options = { participant: 'x' };
  const renew = { args, options, answers: { 'barrier.renew': { ttlSeconds: 30 } } };
  expect((await run('barrier renew', renew)).shown).toBe('Renewed for 30 s.');
  const show = await run('barrier show', { args, answers: { 'barrier.show': barrier } });
  expect(show.shown).toContain('present: 2 of 3: x, y');
  const list = await run('barrier list', { answers: { 'barrier.list': { barriers: [barrier] } } });
  expect(list.shown).toContain('b|open|2|3');
});
