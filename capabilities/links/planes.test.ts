import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  bytesSchema,
  HansaError,
  remote,
  serve,
  silentLog,
  type Call,
  type Carrier,
  type ClusterId,
  type Contract,
  type Edge,
  type NodeId,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createMemoryPlanes, type MemoryPlanes } from '../../testkit/memory-planes.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  collect,
  nodeOf,
  settled,
} from '../../testkit/test-cluster.ts';
import type { DataPlane, PlaneConnection } from './planes-driver.ts';
import { planeGreetingMs } from './planes-driver.ts';
import { createMeter, type Meter } from './planes-meter.ts';
import { planeLimits, type PlaneLimits } from './planes-road.ts';
import { ticketLifeMs } from './planes-tickets.ts';
import { createPlanes, type PlaneRoad, type Planes } from './planes.ts';
import { linkPeerContract, type LinkPeer } from './wire.ts';

interface Shelf {
  take(input: { bytes: number }, call?: Call): AsyncIterable<Uint8Array>;
}
const shelfContract: Contract<Shelf> = {
  name: 'shelf',
  version: 1,
  traffic: 'bulk',
  methods: {
    take: {
      watch: true,
      summary: 'So many bytes.',
      permission: 'peer',
      input: z.object({ bytes: z.number() }),
      output: bytesSchema,
      errors: [],
    },
  },
};

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const piece = 64 * 1_024;
const worth = planeLimits.worthBytes;

interface Side {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly address: string;
  readonly driver: DataPlane;
  readonly planes: Planes;
  readonly road: PlaneRoad;
  readonly meter: Meter;
}

let clock: HandClock;
let network: MemoryPlanes;
let epochs: Map<ClusterId, number>;
let overIroh: number;
let close: () => void;
let a: Side;
let b: Side;

const gate = {
  admit: () => undefined,
  authenticate: async (credential: { proven?: unknown }) => credential.proven as never,
  authorise: () => undefined,
  record: () => undefined,
};
const shelf: Shelf = {
  async *take({ bytes }) {
    for (let at = 0; at < bytes; at += piece) {
      yield new Uint8Array(Math.min(piece, bytes - at));
    }
  },
};
const shelfEdge = (): Edge => serve([{ contract: shelfContract, service: shelf }], gate);

interface Given {
  readonly limits?: Partial<PlaneLimits>;
  readonly withoutPlane?: 'a' | 'b';
  readonly linkHosts?: readonly string[];
}

function begin({ limits, withoutPlane, linkHosts = ['a.test:1', 'b.test:1'] }: Given = {}): void {
  clock = createHandClock();
  network = createMemoryPlanes();
  epochs = new Map([
    [clusterOf(crypto, 1), 1],
    [clusterOf(crypto, 2), 1],
  ]);
  overIroh = 0;
  let ended = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    ended = resolve;
  });
  close = ended;
  const half = (name: 'a' | 'b', byte: number): Side => {
    const [cluster, node] = [clusterOf(crypto, byte), nodeOf(crypto, byte + 10)];
    const other = byte === 1 ? 2 : 1;
    const [peer, peerNode] = [clusterOf(crypto, other), nodeOf(crypto, other + 10)];
    const address = `${name}.test:7`;
    const driver = network.plane(node, address);
    const planes = createPlanes({
      plane: withoutPlane === name ? undefined : driver,
      clock,
      random: createSeededRandom(byte),
      codec,
      log: silentLog,
      edge: shelfEdge(),
      epochOf: (each) => epochs.get(each),
      hintsOf: () => linkHosts,
      limits,
    });
    const meter = createMeter(clock);
    // What the far side answers over the link's own streams.
    const far = (): PlaneRoad => (name === 'a' ? b.road : a.road);
    const service: LinkPeer = {
      redeem: unused,
      standing: unused,
      beat: unused,
      probe: unused,
      plane: async (input) => far().offer(input),
      async planeBack(input, call) {
        await far().dialBack(input, call?.signal ?? new AbortController().signal);
        return {};
      },
    };
    const served = [{ contract: linkPeerContract, service }];
    const own = carrierTo([{ contract: shelfContract, service: shelf }], callerOf(cluster, node));
    const bulk: Carrier = {
      ...own,
      watch(...asked) {
        overIroh += 1;
        return own.watch(...asked);
      },
    };
    const control = carrierTo(served, callerOf(cluster, node));
    const streams = { control, own: bulk, meter };
    const road = planes.join({ ...streams, peer, node: peerNode, traffic: 'bulk', closed });
    return { cluster, node, address, driver, planes, road, meter };
  };
  a = half('a', 1);
  b = half('b', 2);
}

function unused(): never {
  throw new HansaError('INTERNAL', 'this test does not ask for it');
}

async function take(side: Side, bytes: number): Promise<number> {
  const parts = await collect(remote(shelfContract, side.road.carrier).take({ bytes }));
  return parts.reduce((sum, part) => sum + part.length, 0);
}

beforeEach(() => begin());

describe('bulk', () => {
  test('goes over a plane as soon as much of it is expected, and says so', async () => {
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /not much/ });
    await a.road.expect(worth);
    expect(await take(a, 3 * piece)).toBe(3 * piece);
    expect(overIroh).toBe(0);
    const { carries, sinceMs, tls } = a.road.view();
    expect([carries, sinceMs]).toEqual(['tls', clock.now()]);
    expect(tls.receivedBytes).toBeGreaterThan(3 * piece);
    expect(b.road.view().tls.sentBytes).toBe(tls.receivedBytes);
  });

  test('that is little stays on the link', async () => {
    await a.road.expect(worth - 1);
    await take(a, piece);
    expect([overIroh, network.open]).toEqual([1, 0]);
  });

  test('that nobody announced gets a plane once it turns out to be much', async () => {
    a.meter.receivedBytes = worth;
    await take(a, piece);
    await settled(() => a.road.view().carries === 'tls');
    await take(a, piece);
    expect(overIroh).toBe(1);
  });

  test('is answered on a plane by the side that was asked, and by no other', async () => {
    await a.road.expect(worth);
    await b.road.expect(worth);
    expect(network.open).toBe(2);
    await take(b, piece);
    expect(overIroh).toBe(0);
  });

  test('stays on the link where either side keeps it there, which the other one names', async () => {
    begin({ withoutPlane: 'b' });
    await a.road.expect(worth);
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /peer keeps all/ });
    await b.road.expect(worth);
    expect(b.road.view()).toMatchObject({ carries: 'iroh', reason: /this cluster keeps all/ });
    expect(await take(a, piece)).toBe(piece);
    expect(overIroh).toBe(1);
  });
});

describe('opening a plane', () => {
  test('is tried by whoever asks; where that fails the other side dials back', async () => {
    network.setReachable(b.address, false);
    await a.road.expect(worth);
    expect(network.dials).toEqual([b.address, a.address]);
    await take(a, piece);
    expect([overIroh, a.road.view().carries]).toEqual([0, 'tls']);
  });

  test('that fails both ways leaves bulk on the link, and is tried again ever later', async () => {
    network.setReachable(a.address, false);
    network.setReachable(b.address, false);
    await a.road.expect(worth);
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /no plane to/ });
    const tried = async (): Promise<boolean> => {
      const before = network.dials.length;
      await a.road.expect(worth);
      return network.dials.length > before;
    };
    expect(await tried()).toBe(false);
    clock.advance(planeLimits.retryMinMs);
    expect(await tried()).toBe(true);
    clock.advance(planeLimits.retryMinMs / 2);
    expect(await tried()).toBe(false);
    clock.advance(2 * planeLimits.retryMinMs);
    network.setReachable(b.address, true);
    expect(await tried()).toBe(true);
    expect(a.road.view().carries).toBe('tls');
  });

  test('never dials a host to which the link does not go', async () => {
    begin({ linkHosts: ['elsewhere.test:1'] });
    await a.road.expect(worth);
    expect(network.dials).toEqual([]);
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /nowhere that its link is/ });
  });

  test('is not waited for longer than a moment', async () => {
    network.setReachable(b.address, false);
    const slow = { ...b.road, dialBack: () => new Promise<void>(() => undefined) };
    b = { ...b, road: slow };
    const waiting = a.road.expect(worth);
    await settled(() => network.dials.length === 1);
    clock.advance(planeLimits.waitMs);
    await waiting;
    await take(a, piece);
    expect(overIroh).toBe(1);
    clock.advance(ticketLifeMs);
    await settled(() => /in time/.test(a.road.view().reason ?? ''));
  });
});

describe('a plane that is up', () => {
  test('and breaks lets what was under way fail, and the rest go over the link at once', async () => {
    await a.road.expect(worth);
    const items = remote(shelfContract, a.road.carrier).take({ bytes: 900 * piece });
    const reader = items[Symbol.asyncIterator]();
    await reader.next();
    network.cut();
    const rest = (async () => {
      for (let item = await reader.next(); item.done !== true; item = await reader.next()) {
        // What had arrived is still read.
      }
    })();
    await expect(rest).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    await take(a, piece);
    expect(overIroh).toBe(1);
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /cable/ });
    clock.advance(planeLimits.retryMinMs);
    await a.road.expect(worth);
    expect(a.road.view().carries).toBe('tls');
  });

  test('is left when nothing crossed it for a minute, and opened again when it is needed', async () => {
    await a.road.expect(worth);
    clock.advance(planeLimits.idleMs - 1);
    await take(a, piece);
    clock.advance(planeLimits.idleMs - 1);
    expect(network.open).toBe(1);
    clock.advance(1);
    await settled(() => network.open === 0);
    expect(a.road.view()).toMatchObject({ carries: 'iroh', reason: /hardly anything crossed it/ });
    await a.road.expect(worth);
    expect(a.road.view().carries).toBe('tls');
  });

  test('carries no more than its ticket says; then another ticket is asked for', async () => {
    begin({ limits: { budgetBytes: 8 * piece } });
    await a.road.expect(worth);
    expect(await take(a, 5 * piece)).toBe(5 * piece);
    await a.road.expect(worth);
    expect(network.open).toBe(2);
    const tooMuch = take(a, 20 * piece);
    await expect(tooMuch).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
  });

  test('ends with the link, also one that opens just then', async () => {
    await a.road.expect(worth);
    const opening = b.road.expect(worth);
    close();
    await opening;
    await settled(() => network.open === 0);
    await a.road.expect(worth);
    expect(network.open).toBe(0);
  });
});

describe('a ticket', () => {
  const offer = (): Uint8Array => b.road.offer({ epoch: 1, budgetBytes: piece }).ticket;
  const show = async (frame: Uint8Array): Promise<PlaneConnection> => {
    const to = { node: b.node, addresses: [b.address] };
    const connection = await a.driver.dial(to, new AbortController().signal);
    await connection.stream.send(frame);
    return connection;
  };
  const refused = async (connection: PlaneConnection, why: string): Promise<void> => {
    await expect(connection.closed).resolves.toMatchObject({
      reason: `the ticket was refused: ${why}`,
    });
    expect(Object.fromEntries(b.planes.refused)).toEqual({ [why]: 1 });
  };

  test('is taken once', async () => {
    const ticket = offer();
    const first = await show(ticket);
    expect(await first.stream.receive()).toEqual(new Uint8Array(0));
    offer();
    await refused(await show(ticket), 'used');
  });

  test('of ten seconds ago is refused', async () => {
    const ticket = offer();
    clock.advance(ticketLifeMs);
    offer();
    await refused(await show(ticket), 'expired');
  });

  test('that nobody made is refused', async () => {
    offer();
    await refused(await show(new Uint8Array(32)), 'unknown');
  });

  test('that is none is refused', async () => {
    offer();
    await refused(await show(new Uint8Array(5)), 'malformed');
  });

  test('that does not come is not waited for', async () => {
    offer();
    const to = { node: b.node, addresses: [b.address] };
    const connection = await a.driver.dial(to, new AbortController().signal);
    clock.advance(planeGreetingMs);
    await refused(connection, 'silent');
  });

  test('of a link that was made anew meanwhile is refused', async () => {
    const ticket = offer();
    epochs.set(a.cluster, 2);
    await refused(await show(ticket), 'link changed');
  });

  test('of a link that was closed meanwhile is refused', async () => {
    const ticket = offer();
    epochs.delete(a.cluster);
    await refused(await show(ticket), 'link changed');
  });

  test('in the hand of another node is refused before it is read', async () => {
    offer();
    const stranger = network.plane(nodeOf(crypto, 99), 'c.test:7');
    const to = { node: b.node, addresses: [b.address] };
    const dial = stranger.dial(to, new AbortController().signal);
    await expect(dial).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('is made for the link as it is, and for no other', () => {
    const asked = { epoch: 2, budgetBytes: piece };
    expect(() => b.road.offer(asked)).toThrow('not the link');
  });
});
