// What `hansa counter`, `hansa sequence` and `hansa limiter` ask and show.
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { numberCommands } from './cli.ts';

const run = (words: string, line: CommandLine) =>
  runCommand(commandNamed(numberCommands, words), line);
const args = { name: 'a' };

describe('hansa counter', () => {
  const counted = { name: 'a', value: 3 };

  test('add and subtract take one by default, and print the number', async () => {
    const add = await run('counter add', { args, answers: { 'counter.add': counted } });
    expect([add.calls[0]?.[1], add.shown]).toEqual([{ name: 'a', by: 1 }, '3']);
    const line = {
      args: { ...args, by: '5' },
      options: { stopAtZero: true, once: 'x' },
      answers: { 'counter.subtract': { ...counted, value: 0, taken: 3 } },
    };
    const { calls, shown } = await run('counter subtract', line);
    expect(calls[0]?.[1]).toEqual({ name: 'a', by: 5, stopAtZero: true, once: 'x' });
    expect(shown).toBe('0 (took 3)');
    for (const by of ['many', '9007199254740992', '-9223372036854775807']) {
      await expect(run('counter add', { args: { ...args, by }, answers: {} })).rejects.toThrow(
        `<by> is a whole number of at most 9007199254740991, not "${by}"`,
      );
    }
  });

  test('set may have a condition; where it does not hold, the exit code is 5', async () => {
    const value = { ...args, value: '-7' };
    const plain = await run('counter set', { args: value, answers: { 'counter.set': counted } });
    expect(plain.calls[0]?.[1]).toEqual({ name: 'a', value: -7 });
    const answers = { 'counter.compareAndSet': { ...counted, swapped: false } };
    const { output, shown } = await run('counter set', {
      args: value,
      options: { if: '2' },
      answers,
    });
    expect([output.exit, shown]).toEqual([5, 'a is 3, not 2.']);
  });

  test('show, reset and list tell what there is', async () => {
    expect((await run('counter show', { args, answers: { 'counter.show': counted } })).shown).toBe(
      '3',
    );
    const reset = await run('counter reset', { args, answers: { 'counter.reset': counted } });
    expect(reset.shown).toBe('a was 3.');
    const answers = { 'counter.list': { counters: [counted], next: 'a' } };
    const list = await run('counter list', { answers });
    expect(list.shown).toContain('a|3');
    expect(list.output.next).toEqual(['hansa counter list --after a']);
  });
});

test('hansa sequence prints a number or a range', async () => {
  const next = (last: number) =>
    run('sequence next', { args, answers: { 'sequence.next': { name: 'a', first: 4, last } } });
  expect([(await next(4)).shown, (await next(9)).shown]).toEqual(['4', '4-9']);
  const show = await run('sequence show', {
    args,
    answers: { 'sequence.show': { name: 'a', last: 9 } },
  });
  expect(show.shown).toBe('9');
  const answers = { 'sequence.list': { sequences: [{ name: 'a', last: 9 }] } };
  expect((await run('sequence list', { answers })).shown).toContain('a|9');
});

describe('hansa limiter', () => {
  const limiter = { name: 'a', perSecond: 0.5, burst: 10, available: 3 };

  test('configure reads a rate as people say it', async () => {
    const options = { rate: '30/m', burst: '10' };
    const answers = { 'limiter.configure': limiter };
    const { calls, shown } = await run('limiter configure', { args, options, answers });
    expect(calls[0]?.[1]).toEqual({ name: 'a', perSecond: 0.5, burst: 10 });
    expect(shown).toBe('a: 0.5/s, at most 10; 3 now.');
  });

  test('take says when to try again, with the exit code 6', async () => {
    const take = (taken: object) =>
      run('limiter take', { args, options: { wait: '1s' }, answers: { 'limiter.take': taken } });
    const refused = await take({ allowed: false, available: 0, retryAfterMs: 2_000 });
    expect([refused.output.exit, refused.shown]).toEqual([6, 'Not now: try again in 2 seconds.']);
    const allowed = await take({ allowed: true, available: -2 });
    expect([allowed.output.exit, allowed.shown]).toEqual([0, 'Taken; 0 are left.']);
  });

  test('remove asks first; show, reset and list tell what there is', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const command = commandNamed(numberCommands, 'limiter remove');
    const answers = { 'limiter.remove': { name: 'a' } };
    await expect(runCommand(command, { args, answers }, calls)).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
    });
    expect(calls).toEqual([]);
    const removed = await runCommand(command, { args, answers, options: { yes: true } });
    expect(removed.shown).toBe('Removed a.');
    const show = await run('limiter show', { args, answers: { 'limiter.show': limiter } });
    const reset = await run('limiter reset', { args, answers: { 'limiter.reset': limiter } });
    expect(reset.shown).toBe(show.shown);
    const list = await run('limiter list', {
      answers: { 'limiter.list': { limiters: [limiter] } },
    });
    expect(list.shown).toContain('a|0.5|10|3');
  });
});
