import { createSystemClock } from '@hansa/system-node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commandNamed, runCommand, type CommandRun } from '../../testkit/command-context.ts';
import { signalCommands, type RouterDoor } from './cli.ts';
import { openSignalClient } from './client/client.ts';
import { dialInMemory } from './client/lines.suite.ts';
import { runLoad } from './client/load.ts';
import { loadLimits, replayedMax, type LoadReport } from './contract.ts';
import { createMemoryJournal } from './router/journal.ts';
import { createRig, type Rig } from './router/router-rig.suite.ts';

const clock = createSystemClock();
const ends: (() => unknown)[] = [];

afterEach(() => {
  ends.splice(0).forEach((end) => end());
});

interface Hall {
  readonly rig: Rig;
  readonly doors: RouterDoor[];
  readonly printed: (readonly [unknown, string])[];
  run(words: string, args?: object, options?: object): Promise<CommandRun>;
}

function hall(limits: Parameters<typeof createRig>[0] = {}): Hall {
  const rig = createRig({ options: { messagesPerSecondMax: 0 }, ...limits });
  const doors: RouterDoor[] = [];
  const printed: (readonly [unknown, string])[] = [];
  const dial = dialInMemory((line) => rig.router.accept(line));
  const commands = signalCommands({
    isNamed: () => true,
    async open(door, signal) {
      doors.push(door);
      return openSignalClient({ clock, url: 'ws://router', dial, token: door.token, signal });
    },
    load: ({ near, far }, asked, signal) => {
      doors.push(near, far);
      return runLoad({ clock, dial, dialFar: dial, url: 'ws://router', signal }, asked);
    },
    print: async (item, line) => void printed.push([item, line]),
    mark: 'mark',
  });
  ends.push(() => rig.router.stop());
  return {
    rig,
    doors,
    printed,
    run: (words, args = {}, options = {}) =>
      runCommand(commandNamed(commands, `signal ${words}`), {
        args: args as never,
        options: options as never,
        answers: {},
      }),
  };
}

describe('hansa signal', () => {
  test('sends no other number than was typed', async () => {
    const { run, rig } = hall();
    for (const [value, options] of [
      ['1e400', {}],
      ['{"deep":[1e400]}', {}],
      ['9007199254740993', { int: true }],
    ] as const) {
      const refused = run('set', { address: '/l/1', value }, options);
      await expect(refused).rejects.toMatchObject({ code: 'USAGE' });
    }
    const touch = { as: 'gesture', id: '4294967296' };
    const refused = run('emit', { address: '/l/1', value: '1' }, touch);
    await expect(refused).rejects.toMatchObject({ code: 'USAGE' });
    await expect(run('bench', {}, { duration: '0s' })).rejects.toMatchObject({ code: 'USAGE' });
    expect(rig.router.paramCount).toBe(0);
  });

  test('holds a lock as long as its session, and says why that ended', async () => {
    const { run, rig } = hall();
    const holding = run('set', { address: '/l', value: '1' }, { lock: true });
    const ended = holding.catch((error: unknown) => error);
    await vi.waitFor(() => expect(rig.router.get('/l')?.holder).toBeDefined());
    const other = run('set', { address: '/l', value: '2' });
    await expect(other).rejects.toMatchObject({ code: 'SIGNAL_CONFLICT' });
    for (const session of rig.router.sessions.values()) {
      session.end(undefined, 'over');
    }
    expect(await ended).toMatchObject({ code: 'CONNECTION_CLOSED' });
    expect((await run('set', { address: '/l', value: '3' })).output.data).toMatchObject({
      revision: 2,
    });
  });

  test('names what to do next as it is typed in a shell', async () => {
    const { run } = hall();
    const done = await run('set', { address: '/a b', value: '1' });
    expect(done.output.next).toEqual([`hansa signal get '/a b'`]);
  });

  test('set takes JSON or a text, and get shows it', async () => {
    const { run, doors, rig } = hall();
    const door = { url: 'ws://elsewhere', token: '@file', ca: 'ca.pem' };
    const set = (value: string, options = {}) =>
      run('set', { address: '/l/1', value }, { ...door, ...options });
    expect((await set('0.5')).shown).toBe('/l/1 = 0.5, revision 1');
    expect(doors).toEqual([{ url: door.url, token: door.token, authorities: door.ca }]);
    expect((await set('{"r":1}')).output.data).toEqual({ address: '/l/1', revision: 2 });
    expect((await set('on stage')).shown).toContain('"on stage"');
    expect((await set('7', { text: true })).shown).toContain('"7"');
    await set('7', { int: true });
    expect(rig.router.get('/l/1')?.value.type).toBe(0x05);
    await set('8', { ttl: '90s', ifRevision: '5' });
    expect(rig.router.get('/l/1')?.ttl).toBe(90);
    await expect(set('9', { ifRevision: '5' })).rejects.toMatchObject({ code: 'SIGNAL_CONFLICT' });
    await set('', { text: true });
    expect(rig.router.get('/l/1')?.value.data).toHaveLength(2);
    expect((await set('8')).output.next).toEqual(['hansa signal get /l/1 --url ws://elsewhere']);
    const got = await run('get', { address: '/l/1' });
    expect(got.output.data).toMatchObject({ address: '/l/1', value: 8, revision: 8 });
    expect(got.shown).toMatch(/value: 8\nrevision: 8\nwritten by: .+\nat: \d/);
    await expect(run('get', {})).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('watch prints what stands there and what comes, and ends when it is enough', async () => {
    const { run, printed, rig } = hall();
    await run('set', { address: '/w/1', value: '1' });
    const watching = run('watch', { pattern: '/w/**' }, { count: '3', types: 'param,event' });
    await expect.poll(() => printed.length).toBe(1);
    await run('emit', { address: '/w/s', value: '2' }, { as: 'stream' });
    await run('emit', { address: '/w/cue' });
    await run('set', { address: '/w/1', value: '3' });
    expect((await watching).output.data).toEqual({ shown: 3 });
    expect(printed.map(([, line]) => line)).toEqual([
      '/w/1 = 1  (revision 1)',
      '/w/cue event',
      '/w/1 = 3  (revision 2)',
    ]);
    expect(printed[0]?.[0]).toMatchObject({ kind: 'param', stood: true });
    await expect.poll(() => rig.router.sessions.size).toBe(0);
  });

  test('replay shows what a journal remembers, and says where there is none', async () => {
    const { run, rig } = hall({ journal: createMemoryJournal() });
    const nothing = await run('replay', { pattern: '/r/**' });
    expect([nothing.output.data, nothing.shown]).toEqual([{ news: [] }, 'Nothing is remembered.']);
    await run('set', { address: '/r/1', value: '1' });
    await run('emit', { address: '/r/cue', value: '{"go":true}' });
    await rig.clock.advance(60_000);
    await run('set', { address: '/r/1', value: '2' });
    const all = await run('replay', { pattern: '/r/**' });
    expect(all.shown).toBe(
      '/r/1 = 1  (revision 1)\n/r/cue event {"go":true}\n/r/1 = 2  (revision 2)',
    );
    const late = await run('replay', { pattern: '/r/*' }, { since: '30s' });
    expect(late.shown).toBe('/r/1 = 2  (revision 2)');
    const events = await run('replay', { pattern: '/r/*' }, { types: 'event', limit: '1' });
    expect(events.output.data).toMatchObject({ news: [{ kind: 'event', address: '/r/cue' }] });
    const wide = run('replay', { pattern: '/r/*' }, { limit: String(replayedMax + 1) });
    await expect(wide).rejects.toMatchObject({ code: 'USAGE' });
    const wrong = run('replay', { pattern: 'r' });
    await expect(wrong).rejects.toMatchObject({ code: 'SIGNAL_ADDRESS_INVALID' });
    const without = hall().run('replay', { pattern: '/r/**' });
    await expect(without).rejects.toMatchObject({ code: 'SIGNAL_NO_JOURNAL' });
  });

  test('emit publishes as what it is told, and --phase is for gestures', async () => {
    const { run, printed } = hall();
    await run('set', { address: '/t', value: '0' });
    const watching = run('watch', { pattern: '/t' }, { count: '2', maxRate: '50', epsilon: '0.5' });
    await expect.poll(() => printed.length).toBe(1);
    const touch = { as: 'gesture', id: '2', phase: 'start' };
    expect((await run('emit', { address: '/t', value: '[1,2]' }, touch)).shown).toContain('/t');
    await watching;
    expect(printed[1]).toEqual([
      { kind: 'gesture', address: '/t', value: [1, 2], phase: 'start', id: 2 },
      '/t gesture start 2 [1,2]',
    ]);
    const wrong = run('emit', { address: '/t' }, { phase: 'end' });
    await expect(wrong).rejects.toMatchObject({ code: 'USAGE' });
  });

  test.each([
    ['watch', { types: 'light' }],
    ['watch', { epsilon: 'much' }],
    ['watch', { count: '0' }],
    ['emit', { as: 'param' }],
    ['bench', { publishers: '0' }],
    ['bench', { subscribers: '0', kind: 'event' }],
    ['bench', { window: String(loadLimits.windowMax + 1) }],
    ['bench', { subscribers: String(loadLimits.sessionsMax) }],
  ])('%s with %j is USAGE', async (verb, options) => {
    const args = { address: '/a', pattern: '/a' };
    await expect(hall().run(verb, args, options)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('hansa signal bench', () => {
  const short = { duration: '200ms', warmUp: '20ms' };

  test.each(['set', 'event', 'stream'])('counts each %s that comes to each', async (kind) => {
    const options = { ...short, kind, publishers: '2', subscribers: '3', window: '8' };
    const { output, shown } = await hall().run('bench', {}, options);
    const report = output.data as LoadReport;
    expect(report.sent).toBeGreaterThan(10);
    expect(report.delivered).toBeGreaterThanOrEqual(report.sent * 3);
    expect(report.refused).toBe(0);
    const { p50, p95, p99, max } = report.latencyUs;
    expect([p50, p95, p99, max]).toEqual([p50, p95, p99, max].toSorted((a, b) => a - b));
    expect(p50).toBeGreaterThan(0);
    expect(shown).toContain('p99');
  });

  test('keeps to a rate, and says what a router refused', async () => {
    const paced = await hall().run('bench', {}, { ...short, rate: '100' });
    const report = paced.output.data as LoadReport;
    expect(report.sent).toBeGreaterThan(0);
    expect(report.sent).toBeLessThanOrEqual(30);
    const strict = hall({ options: { messagesPerSecondMax: 20 } });
    const refused = await strict.run('bench', {}, { ...short, duration: '1500ms', window: '64' });
    expect(refused.shown).toContain('Rate limit exceeded');
    expect(refused.output.next).toEqual([expect.stringContaining('--rate-limit 0')]);
  });
});
