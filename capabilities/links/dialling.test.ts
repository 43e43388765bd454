import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, type Clock, type ClusterId, type ErrorReport } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, nodeOf, seedOf, settled } from '../../testkit/test-cluster.ts';
import type { Endpoint } from './contract.ts';
import { beginDialling, candidates, type Dialling } from './dialling.ts';
import type { LinkRecord } from './keys.ts';
import { createLinkRecords, type LinkRecords } from './records.ts';
import type { PeerSession, Sessions } from './sessions.ts';

const crypto = createNodeCrypto();
const peer = clusterOf(crypto, 1);
const node = nodeOf(crypto, 1);
const link: LinkRecord = {
  peer,
  name: 'bergen',
  epoch: 1,
  mine: true,
  theirs: true,
  invitedByUs: false,
  inviterNonce: new Uint8Array(32),
  accepterNonce: new Uint8Array(32),
  confirmedHere: true,
  confirmedThere: true,
  endpoints: [{ node, addresses: ['127.0.0.1:1'] }],
  createdMs: 0,
  closed: false,
};
const hour = 3_600_000;

describe('dialling', () => {
  let nowMs: number;
  let found: readonly Endpoint[];
  let dialling: Dialling;
  let slept: number[];
  let stop: AbortController;
  let records: LinkRecords;
  const clock: Clock = {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
      slept.push(ms);
      if (slept.length === 10) {
        stop.abort();
      }
    },
  };
  beforeEach(async () => {
    nowMs = 0;
    found = [];
    slept = [];
    stop = new AbortController();
    const store = createMemoryStore({ clock: createHandClock() });
    records = createLinkRecords({ store, codec: createMsgpackCodec(), crypto });
    await records.links.start(new AbortController().signal);
    await records.put(link);
  });

  const session = (closed: Promise<{ reason: string }>): PeerSession => ({
    identity: {
      cluster: peer,
      node,
      name: 'bergen',
      key: new Uint8Array(32),
      keyIndex: 0,
      keyLog: {
        inception: {
          cluster: peer,
          nextKeyHash: '',
          createdMs: 0,
          signature: new Uint8Array(64),
        },
        rotations: [],
      },
    },
    hello: {
      versions: { min: 1, max: 1 },
      proof: null,
      instance: seedOf(2),
      nonce: new Uint8Array(32),
    },
    dialled: true,
    openedMs: 0,
    nonce: new Uint8Array(32),
    carrier: {
      call: () => Promise.reject(new HansaError('CONNECTION_CLOSED', 'over')),
      watch: () => {
        throw new HansaError('CONNECTION_CLOSED', 'over');
      },
    },
    closed,
    close: () => undefined,
  });

  /** Dials until the tenth sleep; the number of dials. */
  const dialUntilStopped = async (dial: Sessions['dial']): Promise<number> => {
    let dials = 0;
    const sessions: Sessions = {
      find: () => undefined,
      dial(...args) {
        dials += 1;
        return dial(...args);
      },
      listen: () => undefined,
      closeAll: () => undefined,
    };
    const random = { fraction: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
    const errors = new Map<ClusterId, ErrorReport>();
    const book = () => ({ endpoints: () => found });
    const needs = { records, clock, random, sessions, errors, book, setPhase: () => undefined };
    dialling = beginDialling(needs, stop.signal);
    await dialling.ended();
    return dials;
  };

  test('waits twice as long after every failure, and never longer than 15 seconds', async () => {
    const dials = await dialUntilStopped(() =>
      Promise.reject(new HansaError('DIAL_FAILED', 'nobody is there')),
    );
    expect(dials).toBe(10);
    expect(slept.slice(0, 3)).toEqual([250, 500, 1_000]);
    expect(slept.slice(-2)).toEqual([15_000, 15_000]);
  });

  test('waits in the same way for a peer that greets and closes at once', async () => {
    const closed = Promise.resolve({ reason: 'the peer holds no link with us' });
    const dials = await dialUntilStopped(async () => session(closed));
    expect(dials).toBe(10);
    expect(slept.slice(0, 3)).toEqual([250, 500, 1_000]);
  });

  test('dials within a second, and begins to wait anew, where a connection had lasted', async () => {
    let dialled = 0;
    const dials = await dialUntilStopped(async () => {
      dialled += 1;
      if (dialled === 4) {
        nowMs += hour;
      }
      return session(Promise.resolve({ reason: 'the network is gone' }));
    });
    expect(dials).toBe(10);
    // The half of a second: a hub's thousand leaves lose it in one instant, and come back in many.
    expect(slept.slice(0, 6)).toEqual([250, 500, 1_000, 500, 250, 500]);
  });

  test('ends for a link that was closed', async () => {
    const dials = await dialUntilStopped(async () => {
      await records.update(peer, (one) => ({ ...one, closed: true }));
      return session(Promise.resolve({ reason: 'closed' }));
    });
    expect(dials).toBe(1);
  });

  test('tries hints that were told and hints that were found of one node in one dial', async () => {
    const elsewhere = nodeOf(crypto, 3);
    found = [
      { node, addresses: ['127.0.0.1:2', '127.0.0.1:1'] },
      { node: elsewhere, addresses: ['127.0.0.1:3'] },
    ];
    const dialled: unknown[] = [];
    await dialUntilStopped((to) => {
      dialled.push(to);
      return Promise.reject(new HansaError('DIAL_FAILED', 'nobody is there'));
    });
    expect(dialled.slice(0, 2)).toEqual([
      { node, addresses: ['127.0.0.1:1', '127.0.0.1:2'] },
      { node: elsewhere, addresses: ['127.0.0.1:3'] },
    ]);
    expect(candidates([], found)).toEqual(found);
  });

  test('keeps a hint that was found and led to the peer', async () => {
    found = [{ node, addresses: ['127.0.0.1:2'] }];
    await dialUntilStopped(async () => session(Promise.resolve({ reason: 'over' })));
    expect(records.find(peer)?.endpoints).toEqual([
      { node, addresses: ['127.0.0.1:1', '127.0.0.1:2'] },
    ]);
  });

  test('slows down anew after a session that the peer itself had opened', async () => {
    let ended = 0;
    await dialUntilStopped(async () => {
      ended += 1;
      const over = session(Promise.resolve({ reason: 'the edge went to sleep' }));
      return ended === 4 ? { ...over, dialled: false } : over;
    });
    expect(slept.slice(0, 6)).toEqual([250, 500, 1_000, 250, 500, 1_000]);
  });
});

describe('a wait between dials', () => {
  /** Every dial fails; time stands still but for the test's hand. */
  const begin = async () => {
    const hand = createHandClock();
    const stop = new AbortController();
    const store = createMemoryStore({ clock: hand });
    const records = createLinkRecords({ store, codec: createMsgpackCodec(), crypto });
    await records.links.start(new AbortController().signal);
    await records.put(link);
    const counted = { dials: 0 };
    const dialling = beginDialling(
      {
        records,
        clock: hand,
        random: { fraction: () => 0.5, bytes: (length) => new Uint8Array(length) },
        errors: new Map(),
        book: () => ({ endpoints: () => [] }),
        setPhase: () => undefined,
        sessions: {
          find: () => undefined,
          listen: () => undefined,
          closeAll: () => undefined,
          dial(_to, _expected, signal) {
            counted.dials += 1;
            return new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason));
              hand.sleep(5_000, signal).then(
                () => reject(new HansaError('DIAL_FAILED', 'nobody is there')),
                () => undefined,
              );
            });
          },
        },
      },
      stop.signal,
    );
    return { hand, stop, counted, dialling };
  };

  test('is over as soon as something is known of the peer', async () => {
    const { hand, stop, counted, dialling } = await begin();
    for (let dials = 1; dials < 6; dials += 1) {
      await settled(() => counted.dials === dials);
      hand.advance(5_000);
      await settled(() => hand.sleepers === 1);
      hand.advance(15_000);
    }
    await settled(() => counted.dials === 6);
    hand.advance(5_000);
    await settled(() => hand.sleepers === 1);
    dialling.retry(peer);
    await settled(() => counted.dials === 7);
    hand.advance(5_000);
    await settled(() => hand.sleepers === 1);
    hand.advance(250);
    await settled(() => counted.dials === 8);
    stop.abort();
    await dialling.ended();
  });

  test('does not begin where something became known while a dial was under way', async () => {
    const { hand, stop, counted, dialling } = await begin();
    await settled(() => counted.dials === 1);
    dialling.retry(peer);
    hand.advance(5_000);
    await settled(() => counted.dials === 2);
    stop.abort();
    await dialling.ended();
  });

  test('and a dial under way end at once where the node stops', async () => {
    const { stop, counted, dialling } = await begin();
    await settled(() => counted.dials === 1);
    stop.abort();
    await dialling.ended();
    expect(counted.dials).toBe(1);
  });
});
