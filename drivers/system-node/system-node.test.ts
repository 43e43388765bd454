import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HansaError, type Clock, type Log } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createJsonLog, createSystemClock, createSystemRandom, type LogLevel } from './index.ts';

describe('the system clock', () => {
  const clock = createSystemClock();

  test('sleeps at least as long as asked, by the monotonic clock', async () => {
    const before = clock.monotonicMs();
    await clock.sleep(20);
    expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(19);
    await clock.sleep(0);
    await clock.sleep(-5);
  });

  test('tells the time of day', () => {
    expect(Math.abs(clock.now() - Date.now())).toBeLessThan(1_000);
  });

  test('an aborted sleep rejects with the signal’s reason, at once', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const asleep = clock.sleep(3_600_000, controller.signal);
    controller.abort(reason);
    await expect(asleep).rejects.toBe(reason);
    await expect(clock.sleep(1, controller.signal)).rejects.toBe(reason);
  });

  test('a sleep longer than a timer can count does not end at once', async () => {
    const controller = new AbortController();
    let ended = false;
    const asleep = clock.sleep(2 ** 40, controller.signal).then(
      () => (ended = true),
      () => undefined,
    );
    await clock.sleep(20);
    expect(ended).toBe(false);
    controller.abort();
    await asleep;
  });

  test('a sleeper keeps no process alive', async () => {
    const here = new URL('.', import.meta.url).href;
    const script = `import { createSystemClock } from '${here}system-clock.ts';
      void createSystemClock().sleep(600_000);`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script],
      { stdio: 'ignore' },
    );
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
  });
});

describe('the system’s randomness', () => {
  const random = createSystemRandom();

  test('gives plain bytes of the length asked, never the same', () => {
    const [a, b] = [random.bytes(32), random.bytes(32)];
    expect(a).toHaveLength(32);
    expect(a.constructor).toBe(Uint8Array);
    expect(a).not.toEqual(b);
  });

  test('gives fractions in [0, 1)', () => {
    for (let i = 0; i < 100; i += 1) {
      const fraction = random.fraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
    }
  });
});

describe('the log', () => {
  const clock: Clock = { now: () => 0, monotonicMs: () => 0, sleep: async () => undefined };

  function logged(act: (log: Log) => void, level?: LogLevel): Record<string, unknown>[] {
    const lines: string[] = [];
    act(
      createJsonLog({
        write: (line) => lines.push(line),
        clock,
        ...(level === undefined ? {} : { level }),
      }),
    );
    for (const line of lines) {
      expect(line).toMatch(/^\{[^\n]*\}\n$/);
    }
    return lines.map((line) => JSON.parse(line));
  }

  test('writes one line of JSON for each event, with time, level and name first', () => {
    const lines: string[] = [];
    createJsonLog({ write: (line) => lines.push(line), clock }).event('link.opened', {
      peer: 'b',
      tries: 2,
      gone: undefined,
    });
    expect(lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"event","name":"link.opened",' +
        '"peer":"b","tries":2}\n',
    ]);
  });

  test('a problem carries code, message, causes, facts and the stack of the first cause', () => {
    const root = new Error('disk on fire');
    const error = new HansaError('DISK_FULL', 'no room', { cause: root, facts: { free: 0 } });
    const [line] = logged((log) => log.problem('blob.refused', error, { blob: 'x' }));
    expect(line).toMatchObject({
      level: 'problem',
      blob: 'x',
      code: 'DISK_FULL',
      message: 'no room',
      cause: 'Error: disk on fire',
      free: 0,
      stack: root.stack,
    });
  });

  test('fields of `with` are on every line and cannot replace time, level or name', () => {
    const [line] = logged((log) =>
      log.with({ node: 'n', name: 'forged' }).with({ link: 'l' }).event('x.done', { time: 'now' }),
    );
    expect(line).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'event',
      name: 'x.done',
      node: 'n',
      link: 'l',
    });
  });

  test('control characters never reach the output', () => {
    const hostile = 'a\n\u001b[31m\u007f\u009b31m\u2028\u2029\u0000\r';
    const lines: string[] = [];
    const log = createJsonLog({ write: (line) => lines.push(line), clock });
    log.event('x.seen', { [hostile]: hostile });
    const line = (lines[0] ?? '').slice(0, -1);
    expect([...line].every((character) => character >= ' ' && character <= '~')).toBe(true);
    expect(JSON.parse(line)[hostile]).toBe(hostile);
  });

  test('at level "problem" events are left out', () => {
    const lines = logged((log) => {
      log.event('a.b');
      log.problem('c.d', 'text');
    }, 'problem');
    expect(lines.map((line) => line['name'])).toEqual(['c.d']);
  });

  test('never throws: not for a hostile error, a cycle of causes, or a writer that fails', () => {
    const cycle = new Error('cycle');
    cycle.cause = cycle;
    const nasty = {
      toString(): string {
        throw new Error('no');
      },
    };
    const lines = logged((log) => {
      log.problem('a.b', cycle);
      log.problem('a.b', nasty);
      log.problem('a.b', undefined);
      log.event('a.b', { long: 'x'.repeat(100_000) });
    });
    expect(lines).toHaveLength(4);
    expect(String(lines[3]?.['long']).length).toBeLessThan(10_000);
    const broken = createJsonLog({
      write: () => {
        throw new Error('closed');
      },
      clock,
    });
    broken.event('a.b');
  });
});
