import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  remote,
  serve,
  silentLog,
  wireLimits,
  type Call,
  type Contract,
  type Edge,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { frameStreamPair } from '../../testkit/frame-streams.ts';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { carrierTo, callerOf, clusterOf, nodeOf, settled } from '../../testkit/test-cluster.ts';
import { start, usable, view } from './planes-carrying.ts';
import type { PlaneConnection } from './planes-driver.ts';
import { createMeter } from './planes-meter.ts';
import { planeLimits, type PlanePurpose, type Road } from './planes-road.ts';
import { createTicketBook } from './planes-tickets.ts';

interface Desk {
  ask(input: Record<string, never>, call?: Call): Promise<Record<string, never>>;
  listen(input: Record<string, never>, call?: Call): AsyncIterable<Record<string, never>>;
}
const empty = z.object({});
const deskContract: Contract<Desk> = {
  name: 'desk',
  version: 1,
  traffic: 'state',
  methods: {
    ask: { summary: 'Asks.', permission: 'peer', input: empty, output: empty, errors: [] },
    listen: {
      watch: true,
      summary: 'Listens.',
      permission: 'peer',
      input: empty,
      output: empty,
      errors: [],
    },
  },
};

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const gate = {
  admit: () => undefined,
  authenticate: async (credential: { proven?: unknown }) => credential.proven as never,
  authorise: () => undefined,
  record: () => undefined,
};

let clock: HandClock;
let asker: Road;
let server: Road;
/** What the far side sends last, without more: the connection is closed a while later. */
let finish: () => Promise<void>;
let isClosed: boolean;
/** Answers what was asked. */
let answer: (() => void)[];
let listeners: number;

function deskEdge(): Edge {
  const service: Desk = {
    ask: () =>
      new Promise((resolve) => {
        answer.push(() => resolve({}));
      }),
    async *listen(_input, call) {
      listeners += 1;
      try {
        yield {};
        await new Promise<void>((resolve) => {
          call?.signal?.addEventListener('abort', () => resolve(), { once: true });
        });
      } finally {
        listeners -= 1;
      }
    },
  };
  return serve([{ contract: deskContract, service }], gate);
}

function roadOf(byte: number, other: number): Road {
  const [peer, node] = [clusterOf(crypto, other), nodeOf(crypto, other + 10)];
  const unused = carrierTo([], callerOf(peer, node));
  return {
    clock,
    codec,
    random: createSeededRandom(byte),
    log: silentLog,
    edge: deskEdge(),
    epochOf: () => 1,
    hintsOf: () => [],
    limits: planeLimits,
    book: createTicketBook<PlanePurpose>({ clock, random: createSeededRandom(byte) }),
    refused: new Map(),
    session: {
      peer,
      node,
      traffic: 'state',
      control: unused,
      own: unused,
      meter: createMeter(clock),
      closed: new Promise(() => undefined),
    },
    ending: new AbortController(),
    planes: new Set(),
    total: createMeter(clock),
    opening: undefined,
    failures: 0,
    retryAtMs: Number.NEGATIVE_INFINITY,
    excusedBytes: 0,
    excusedMs: 0,
    reason: 'not yet',
  };
}

beforeEach(() => {
  clock = createHandClock();
  [answer, listeners, isClosed] = [[], 0, false];
  [asker, server] = [roadOf(1, 2), roadOf(2, 1)];
  const [near, far] = frameStreamPair();
  let settle: (end: { reason: string }) => void = () => undefined;
  const closed = new Promise<{ reason: string }>((resolve) => {
    settle = resolve;
  });
  const close = (reason: string): void => {
    isClosed = true;
    [near, far].forEach((stream) => stream.abort(reason));
    // As a socket does: it says so in a later turn.
    setImmediate(() => settle({ reason }));
  };
  finish = () => far.finish();
  const half = (remoteByte: number, dialled: boolean): PlaneConnection => ({
    remote: nodeOf(crypto, remoteByte),
    dialled,
    stream: dialled ? { ...near, abort: close } : { ...far, abort: close },
    admit: () => undefined,
    closed,
    close,
  });
  const { budgetBytes } = planeLimits;
  start(asker, { connection: half(12, true), budgetBytes, asks: true });
  start(server, { connection: half(11, false), budgetBytes, asks: false });
});

function desk(): Desk {
  const plane = usable(asker);
  if (plane === undefined) {
    throw new HansaError('INTERNAL', 'there is no plane');
  }
  return remote(deskContract, plane.carrier);
}

describe('a plane on which somebody asks', () => {
  test('is no way any more when its far side has ended it, before anybody is told', async () => {
    const items = desk().listen({})[Symbol.asyncIterator]();
    await items.next();
    const told = items.next().catch((error: unknown) => ({ error, plane: usable(asker) }));
    await finish();
    expect(await told).toMatchObject({ error: { code: 'CONNECTION_CLOSED' }, plane: undefined });
    await settled(() => asker.planes.size === 0 && listeners === 0);
  });

  test('that is left as hardly anything crosses it still brings the answer of a call', async () => {
    clock.advance(planeLimits.idleMs - 1);
    const asking = desk().ask({});
    await settled(() => answer.length === 1);
    clock.advance(1);
    await settled(() => usable(asker) === undefined);
    expect([isClosed, view(asker).carries]).toEqual([false, 'iroh']);
    answer.forEach((give) => give());
    expect(await asking).toEqual({});
    await settled(() => asker.planes.size === 0);
    expect(view(asker).reason).toMatch(/hardly anything/);
  });

  test('and is left waits for nobody who only listens, and ends it on both sides', async () => {
    const items = desk().listen({})[Symbol.asyncIterator]();
    await items.next();
    clock.advance(planeLimits.idleMs);
    await expect(items.next()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await settled(() => listeners === 0 && server.planes.size === 0);
  });

  test('and is left waits for no call longer than a call may take', async () => {
    clock.advance(planeLimits.idleMs - 1);
    const asking = desk().ask({});
    await settled(() => answer.length === 1);
    clock.advance(1);
    await settled(() => usable(asker) === undefined);
    clock.advance(wireLimits.callTimeoutMs);
    await expect(asking).rejects.toMatchObject({ code: 'TIMED_OUT' });
    await settled(() => asker.planes.size === 0);
  });

  test('is left when nothing at all comes over it while a call waits', async () => {
    const limit = new AbortController();
    const asking = desk().ask({}, { signal: limit.signal });
    await settled(() => answer.length === 1);
    clock.advance(10_000);
    limit.abort();
    await expect(asking).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(usable(asker)).toBeUndefined();
    await settled(() => asker.planes.size === 0);
    expect(view(asker).reason).toMatch(/nothing came over it/);
  });
});
