// What `hansa lock` and `hansa semaphore` ask and show, and how a program is run under a hold.
import { HansaError, type Command } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { locksCommands, type LockTerminal } from './cli.ts';

const clock = createHandClock();
const printed: string[] = [];
const quiet: LockTerminal = {
  me: 'host/1',
  clock,
  run: async () => 0,
  print: async (_item, line) => void printed.push(line),
};
const named = (words: string, terminal = quiet): Command =>
  commandNamed(locksCommands(terminal), words);
const hold = { holder: 'host/1', locks: [{ name: 'a', token: 7 }], ttlSeconds: 30 };
const standing = { holder: 'anna', token: 7, shared: false, sinceMs: 0, ttlSeconds: 30 };
const lock = { name: 'a', lastToken: 7, holders: [standing], waiting: [] };
const args = { name: 'a' };
/** As the program hands on an argument that repeats. */
const several = (name: string, ...words: string[]): Readonly<Record<string, string>> =>
  ({ [name]: words }) as unknown as Readonly<Record<string, string>>;

describe('hansa lock', () => {
  test('acquire asks for all names, and shows the token', async () => {
    const { output, calls, shown } = await runCommand(named('lock acquire'), {
      args: several('name', 'a', 'b'),
      options: { ttl: '1m', wait: '0s', shared: true },
      answers: { 'lock.acquire': hold },
    });
    expect(calls).toEqual([
      [
        'lock.acquire',
        { names: ['a', 'b'], holder: 'host/1', ttlSeconds: 60, waitMs: 0, shared: true },
      ],
    ]);
    expect(shown).toBe('host/1 holds a (token 7) for 30 s unless renewed.');
    expect(output.next).toContain('hansa lock release a --token 7');
  });

  test.each<[string, object, unknown, string]>([
    ['lock renew', { 'lock.renew': { ttlSeconds: 30 } }, { locks: hold.locks }, 'for 30 s'],
    [
      'lock release',
      { 'lock.release': { released: hold.locks } },
      { locks: hold.locks },
      'Released a.',
    ],
    ['lock downgrade', { 'lock.downgrade': lock }, hold.locks[0], 'a is shared now.'],
  ])('%s says which hold by its token', async (words, answers, asked, words2) => {
    const line = { args, options: { token: '7' }, answers: answers as never };
    const { calls, shown } = await runCommand(named(words), line);
    expect(calls[0]?.[1]).toEqual(asked);
    expect(shown).toContain(words2);
    await expect(
      runCommand(named(words), { ...line, options: { token: 'x' } }),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('show, list, watch and forget tell who holds', async () => {
    const show = await runCommand(named('lock show'), { args, answers: { 'lock.show': lock } });
    expect(show.shown).toContain('holds|anna|7|exclusive');
    const free = { ...lock, holders: [] };
    const empty = await runCommand(named('lock show'), { args, answers: { 'lock.show': free } });
    expect(empty.shown).toBe('Nobody holds a; the last token was 7.');
    const answers = { 'lock.list': { locks: [lock], next: 'a' } };
    const list = await runCommand(named('lock list'), { answers, options: { limit: '1' } });
    expect(list.shown).toContain('a|anna|0|7');
    expect(list.output.next).toEqual(['hansa lock list --after a']);
    await runCommand(named('lock watch'), { args, answers: { 'lock.watch': [lock, free] } });
    expect(printed).toEqual(['a is held by anna (token 7)', 'a is free']);
    const forget = await runCommand(named('lock forget'), {
      args,
      answers: { 'lock.forget': { name: 'a' } },
    });
    expect(forget.shown).toBe('Forgot a.');
  });
});

describe('hansa lock run', () => {
  const answers = {
    'lock.acquire': hold,
    'lock.renew': { ttlSeconds: 30 },
    'lock.release': { released: hold.locks },
  };
  const line = { args: { ...args, ...several('command', 'make', 'all') }, answers };

  test('hands the token to the program, ends with its code and releases', async () => {
    const ran: unknown[] = [];
    const runner: LockTerminal = {
      ...quiet,
      run: async (words, { env }) => {
        ran.push(words, env);
        return 3;
      },
    };
    const { output, calls } = await runCommand(named('lock run', runner), line);
    expect(ran).toEqual([
      ['make', 'all'],
      {
        HANSA_LOCK_NAME: 'a',
        HANSA_LOCK_TOKEN: '7',
        HANSA_LOCK_TOKENS: 'a=7',
        HANSA_LOCK_HOLDER: 'host/1',
      },
    ]);
    expect(output).toMatchObject({ exit: 3, data: { ...hold, exit: 3, lost: false } });
    expect(calls.map(([method]) => method)).toEqual(['lock.acquire', 'lock.renew', 'lock.release']);
  });

  /** A program that runs until it is asked to end. */
  const lasting: LockTerminal['run'] = (_words, { signal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(143)));

  /** Renewals succeed at first, then fail as told. */
  const failing = (failure: HansaError) => {
    let renewals = 0;
    const told = Object.defineProperty({ ...answers }, 'lock.renew', {
      get: () => ((renewals += 1) > 1 ? failure : { ttlSeconds: 30 }),
    });
    return { ...line, answers: told };
  };

  const settle = () => new Promise((resolve) => setImmediate(resolve));

  test('ends the program where the hold is lost, and releases nothing', async () => {
    const hand = createHandClock();
    const terminal = { ...quiet, clock: hand, run: lasting };
    const lost = failing(new HansaError('COORDINATION_LOST', 'somebody else has it'));
    const running = runCommand(named('lock run', terminal), lost);
    await settle();
    hand.advance(10_000);
    const { output, calls, progress } = await running;
    expect(output).toMatchObject({ exit: 5, data: { lost: true } });
    expect(calls.map(([method]) => method)).not.toContain('lock.release');
    expect(progress).toEqual(['somebody else has it: the program is ended']);
  });

  test('ends the program where no renewal was answered in its time, and not before', async () => {
    const hand = createHandClock();
    const terminal = { ...quiet, clock: hand, run: lasting };
    const away = failing(new HansaError('NODE_UNREACHABLE', 'it restarts'));
    let over = false;
    const running = runCommand(named('lock run', terminal), away).then((ran) => {
      over = true;
      return ran;
    });
    for (let ms = 0; ms < 29_000; ms += 500) {
      hand.advance(500);
      await settle();
    }
    expect(over).toBe(false);
    for (let ms = 0; ms < 2_000; ms += 500) {
      hand.advance(500);
      await settle();
    }
    await expect(running).resolves.toMatchObject({ output: { exit: 5, data: { lost: true } } });
  });
});

describe('hansa semaphore', () => {
  const permits = { ...standing, permits: 2 };
  const semaphore = {
    name: 'a',
    capacity: 4,
    free: 2,
    lastToken: 7,
    holders: [permits],
    waiting: [],
  };

  test('acquire makes it with its capacity, and run hands the token on', async () => {
    const { calls } = await runCommand(named('semaphore acquire'), {
      args,
      options: { capacity: '4', permits: '2' },
      answers: { 'semaphore.acquire': hold },
    });
    expect(calls[0]?.[1]).toEqual({ name: 'a', holder: 'host/1', capacity: 4, permits: 2 });
    const ran = await runCommand(named('semaphore run'), {
      args: { ...args, ...several('command', 'make') },
      answers: {
        'semaphore.acquire': hold,
        'semaphore.renew': { ttlSeconds: 30 },
        'semaphore.release': { released: hold.locks[0] },
      },
    });
    expect(ran.output.exit).toBe(0);
    expect(ran.calls.at(-1)).toEqual(['semaphore.release', { name: 'a', token: 7 }]);
  });

  test('the others say what became of it', async () => {
    const options = { token: '7', capacity: '8' };
    const shown = async (words: string, answers: object) =>
      (await runCommand(named(words), { args, options, answers: answers as never })).shown;
    const of = (method: string, answer: unknown) => ({ [`semaphore.${method}`]: answer });
    expect(await shown('semaphore renew', of('renew', { ttlSeconds: 5 }))).toContain('5 s');
    const released = of('release', { released: hold.locks[0] });
    expect(await shown('semaphore release', released)).toBe('Released a.');
    const resized = of('resize', { ...semaphore, capacity: 8 });
    expect(await shown('semaphore resize', resized)).toBe('a has 8 permits.');
    expect(await shown('semaphore show', of('show', semaphore))).toContain('holds|anna|2|7');
    const listed = of('list', { semaphores: [semaphore] });
    expect(await shown('semaphore list', listed)).toContain('a|4|2|0');
    expect(await shown('semaphore forget', of('forget', { name: 'a' }))).toBe('Forgot a.');
  });
});
