import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, type Clock, type ClusterId, type ErrorReport } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, nodeOf, seedOf } from '../../testkit/test-cluster.ts';
import { beginDialling } from './dialling.ts';
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
    const needs = { records, clock, random, sessions, errors, setPhase: () => undefined };
    await beginDialling(needs, stop.signal)();
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

  test('dials at once, and begins to wait anew, where a connection had lasted', async () => {
    let dialled = 0;
    const dials = await dialUntilStopped(async () => {
      dialled += 1;
      if (dialled === 4) {
        nowMs += hour;
      }
      return session(Promise.resolve({ reason: 'the network is gone' }));
    });
    expect(dials).toBe(11);
    expect(slept.slice(0, 5)).toEqual([250, 500, 1_000, 250, 500]);
  });

  test('ends for a link that was closed', async () => {
    const dials = await dialUntilStopped(async () => {
      await records.update(peer, (one) => ({ ...one, closed: true }));
      return session(Promise.resolve({ reason: 'closed' }));
    });
    expect(dials).toBe(1);
  });
});
