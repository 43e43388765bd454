import { createSystemClock } from '@hansa/system-node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHandClock } from '../../../testkit/hand-clock.ts';
import { createVirtualClock } from '../../../testkit/virtual-clock.ts';
import type { SignalNews } from '../contract.ts';
import { encodeFrame } from '../frames/encode.ts';
import type { SignalMessage } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { createRig, type Rig } from '../router/router-rig.suite.ts';
import { createTokenBook } from '../router/scopes.ts';
import { answerMs, newsWaitingMax, openSignalClient } from './client.ts';
import { dialInMemory } from './lines.suite.ts';

const clock = createSystemClock();
const url = 'ws://router';
const ends: (() => unknown)[] = [];

afterEach(() => {
  ends.splice(0).forEach((end) => end());
});

async function join(rig: Rig, token?: string, signal?: AbortSignal) {
  const dial = dialInMemory((line) => rig.router.accept(line));
  const client = await openSignalClient({ clock, url, dial, token, signal });
  ends.push(() => client.close());
  return client;
}

/** A router that answers what it is told to, and nothing else. */
function scripted(answer: (frame: Uint8Array) => readonly SignalMessage[]) {
  return dialInMemory((line) => ({
    frame: (bytes) => answer(bytes).forEach((message) => line.send(encodeFrame(message))),
    drained: () => undefined,
    closed: () => undefined,
  }));
}

const welcome: SignalMessage = {
  type: 'welcome',
  version: 1,
  features: [],
  time: 0,
  session: 's',
  name: 'other',
};

describe('a session', () => {
  test('knows its router, sets and gets, and shows any value as JSON', async () => {
    const rig = createRig({ options: { name: 'R' } });
    const client = await join(rig);
    expect(client.router).toBe('R');
    expect(rig.router.sessions.has(client.session)).toBe(true);
    const value = { on: true, level: 0.5, tags: ['a', null], deep: { x: 1 } };
    expect(await client.set({ address: '/l/1', value })).toEqual({ address: '/l/1', revision: 1 });
    expect(await client.get('/l/1')).toMatchObject({
      value,
      revision: 1,
      writer: client.session,
      writtenMs: rig.clock.now(),
    });
    await client.set({ address: '/l/2', value: 7, whole: true });
    expect(rig.router.get('/l/2')?.value.type).toBe(0x05);
    expect(await client.get('/l/2')).toMatchObject({ value: 7 });
  });

  test('shows what JSON has no word for as a text', async () => {
    const rig = createRig();
    const client = await join(rig);
    const write = (value: Parameters<typeof wireValue>[0]) =>
      rig.router.set({
        address: '/v',
        value: wireValue(value),
        lock: false,
        unlock: false,
        writer: 'w',
      });
    for (const [value, shown] of [
      [2n ** 60n, '1152921504606846976'],
      [Uint8Array.of(1, 2, 255), 'base64:AQL_'],
      [Number.NaN, 'NaN'],
      [Number.NEGATIVE_INFINITY, '-Infinity'],
    ] as const) {
      write(value);
      expect(await client.get('/v')).toMatchObject({ value: shown });
    }
  });

  test('is told why, by code', async () => {
    const rig = createRig();
    const client = await join(rig);
    await client.set({ address: '/held', value: 1, lock: true });
    const other = await join(rig);
    const code = (wanted: string) => expect.objectContaining({ code: wanted });
    await expect(other.get('/nothing')).rejects.toMatchObject({
      code: 'SIGNAL_NOT_FOUND',
      reportedBy: url,
    });
    await expect(other.get('none')).rejects.toThrow(code('SIGNAL_ADDRESS_INVALID'));
    await expect(other.set({ address: '/held', value: 2 })).rejects.toThrow(
      code('SIGNAL_CONFLICT'),
    );
    await expect(other.set({ address: '/a/*', value: 2 })).rejects.toThrow(
      code('SIGNAL_ADDRESS_INVALID'),
    );
    await expect(other.set({ address: '/held', value: 1, expected: 9 })).rejects.toThrow(
      code('SIGNAL_CONFLICT'),
    );
    await expect(other.set({ address: '/a', value: 'x'.repeat(70_000) })).rejects.toThrow(
      code('SIGNAL_FRAME_TOO_LARGE'),
    );
    await expect(other.emit({ address: 'none', type: 'event' })).rejects.toThrow(
      code('SIGNAL_ADDRESS_INVALID'),
    );
    expect(await other.set({ address: '/a', value: 1 })).toMatchObject({ revision: 1 });
  });

  test('needs a token where the router asks for one, which has scopes', async () => {
    const book = createTokenBook(clock, [
      { token: 'cpsk_old', scopes: ['read:/**'], expiresMs: 1, subject: 'old' },
      { token: 'cpsk_a', scopes: ['write:/a/**'], subject: 'a' },
    ]);
    const rig = createRig({ doorkeeper: book });
    await expect(join(rig)).rejects.toMatchObject({ code: 'SIGNAL_UNAUTHENTICATED' });
    await expect(join(rig, 'cpsk_b')).rejects.toMatchObject({ code: 'SIGNAL_UNAUTHENTICATED' });
    await expect(join(rig, 'cpsk_old')).rejects.toMatchObject({ code: 'SIGNAL_TOKEN_EXPIRED' });
    const client = await join(rig, 'cpsk_a');
    await client.set({ address: '/a/1', value: 1 });
    const forbidden = { code: 'SIGNAL_FORBIDDEN' };
    await expect(client.set({ address: '/b/1', value: 1 })).rejects.toMatchObject(forbidden);
    await expect(client.watch({ pattern: '/a/**', types: [] }).next()).rejects.toMatchObject(
      forbidden,
    );
  });
});

describe('a watch', () => {
  test('whose token’s time is over ends by that, not as a line that broke', async () => {
    const time = createVirtualClock();
    const book = createTokenBook(time, [
      { token: 'cpsk_a', scopes: ['read:/**'], expiresMs: time.now() + 1_000, subject: 'a' },
    ]);
    const rig = createRig({ doorkeeper: book, clock: time });
    const client = await join(rig, 'cpsk_a');
    const next = client.watch({ pattern: '/a/**', types: [] }).next();
    const ended = next.catch((error: unknown) => error);
    await time.advance(1_001);
    expect(await ended).toMatchObject({ code: 'SIGNAL_TOKEN_EXPIRED' });
  });

  test('tells what stands there, then what happens, each as what it is', async () => {
    const rig = createRig();
    const [client, other] = [await join(rig), await join(rig)];
    await other.set({ address: '/x/1', value: 'old' });
    await other.set({ address: '/y', value: 'elsewhere' });
    const news: SignalNews[] = [];
    for await (const one of client.watch({ pattern: '/x/**', types: [] })) {
      news.push(one);
      if (news.length === 1) {
        await other.set({ address: '/x/1', value: 'new' });
        await other.emit({ address: '/x/cue', type: 'event' });
        const given = { value: [1] };
        await other.emit({ address: '/x/t', type: 'gesture', id: 3, phase: 'end', given });
      }
      if (news.length === 4) {
        break;
      }
    }
    expect(news).toEqual([
      { kind: 'param', address: '/x/1', value: 'old', revision: 1, stood: true },
      { kind: 'param', address: '/x/1', value: 'new', revision: 2 },
      { kind: 'event', address: '/x/cue' },
      { kind: 'gesture', address: '/x/t', value: [1], phase: 'end', id: 3 },
    ]);
    // It is over, and the session goes on.
    expect(await client.get('/x/1')).toMatchObject({ value: 'new' });
    expect(rig.router.sessions.get(client.session)?.subscriptions.size).toBe(0);
  });

  test('of some types is told of no others', async () => {
    const rig = createRig();
    const [client, other] = [await join(rig), await join(rig)];
    const watch = client.watch({ pattern: '/**', types: ['stream'] });
    const first = watch.next();
    await other.set({ address: '/p', value: 1 });
    await other.emit({ address: '/e', type: 'event' });
    await other.emit({ address: '/s', type: 'stream', given: { value: 2 } });
    expect((await first).value).toEqual({ kind: 'stream', address: '/s', value: 2 });
    await watch.return();
  });

  test('that is not read stops reading, and goes on when it is', async () => {
    const set: SignalMessage = {
      type: 'set',
      address: '/a',
      value: wireValue(1),
      lock: false,
      unlock: false,
    };
    const reads: boolean[] = [];
    const count = newsWaitingMax + 2; // the first is read
    const dial = scripted(([, , , , code]) => {
      const sets = Array.from({ length: count }, () => set);
      const known: Record<number, readonly SignalMessage[]> = {
        0x01: [welcome],
        0x41: [{ type: 'pong' }],
        0x10: sets,
      };
      return known[code ?? 0] ?? [];
    });
    const client = await openSignalClient({
      clock,
      url,
      dial: async (accept) =>
        dial((line) => accept({ ...line, read: (on) => void reads.push(on) })),
    });
    const watch = client.watch({ pattern: '/a', types: [] });
    await watch.next();
    await expect.poll(() => reads.includes(false)).toBe(true);
    for (let i = 1; i < count; i += 1) {
      await watch.next();
    }
    const last = watch.next();
    await expect.poll(() => reads.at(-1)).toBe(true);
    client.close();
    await expect(last).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('ends with the router, or with whoever interrupts it', async () => {
    const rig = createRig();
    const ending = new AbortController();
    const interrupted = await join(rig, undefined, ending.signal);
    const cut = await join(rig);
    const waiting = interrupted.watch({ pattern: '/**', types: [] }).next();
    const other = cut.watch({ pattern: '/**', types: [] }).next();
    ending.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    rig.router.stop();
    await expect(other).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await expect(cut.get('/a')).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });
});

describe('at a router of another kind', () => {
  test('what is not there is not found, though nothing is said about it', async () => {
    const dial = scripted(([, , , , code]) =>
      code === 0x01 ? [welcome] : code === 0x41 ? [{ type: 'pong' }] : [],
    );
    const client = await openSignalClient({ clock, url, dial });
    expect(client.router).toBe('other');
    await expect(client.get('/a')).rejects.toMatchObject({ code: 'SIGNAL_NOT_FOUND' });
    client.close();
  });

  test('that never answers is given up', async () => {
    const hand = createHandClock();
    const opening = openSignalClient({ clock: hand, url, dial: scripted(() => []) });
    const giveUp = vi
      .waitFor(() => expect(hand.sleepers).toBe(1))
      .then(() => hand.advance(answerMs));
    await expect(opening).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await giveUp;
  });
});
