// A few clusters that discover each other in one process, under a test's hand: real parts, test
// peers, and no network but calls.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  silentLog,
  type Carrier,
  type ClusterId,
  type KeyValueStore,
  type Random,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { AddressBook, Endpoint, Reaching } from '../links/contract.ts';
import { makeAnnouncement } from './announcement.ts';
import type { Announcement } from './contract.ts';
import { firstKeys } from './first-keys.suite.ts';
import type { DiscoveryOptions } from './parts.ts';
import { createDiscoveryPeer } from './peer-service.ts';
import { createDiscovery, type DiscoveryParts } from './service.ts';
import { discoveryPeerContract, type DiscoveryPeer } from './wire.ts';

export const crypto = createNodeCrypto();
export const codec = createMsgpackCodec();
export const startMs = 1_700_000_000_000;

export interface Place {
  readonly id: ClusterId;
  readonly byte: number;
  readonly peers: TestPeers;
  readonly parts: DiscoveryParts;
  readonly peer: DiscoveryPeer;
  readonly store: KeyValueStore;
  /** What links were told to dial at once. */
  readonly retried: ClusterId[];
  readonly met: Endpoint[];
  readonly blocked: Set<ClusterId>;
  book(): AddressBook;
  endpoints: readonly Endpoint[];
  /** Runs what is on, until the world ends. */
  run(): void;
  /** Of another place, as that one sees this caller. */
  carrier(from: ClusterId): Carrier;
}

export interface World {
  readonly clock: HandClock;
  place(byte: number, options?: DiscoveryOptions, store?: KeyValueStore): Promise<Place>;
  link(a: Place, b: Place): void;
  end(): void;
}

const random: Random = { bytes: (length) => new Uint8Array(length), fraction: () => 0.5 };

/** Links as discovery sees them: they note what they are told, and meet whoever is there. */
function fakeLinks(needs: {
  readonly retried: ClusterId[];
  readonly met: Endpoint[];
  here(): Place;
  reached(to: Endpoint): Place | undefined;
}): { readonly reaching: Reaching; book(): AddressBook } {
  let book: AddressBook = { endpoints: () => [] };
  const reaching: Reaching = {
    setAddressBook: (given) => void (book = given),
    retry: (peer) => void needs.retried.push(peer),
    ownEndpoints: () => needs.here().endpoints,
    carrier: () => undefined,
    async meet(to, expected) {
      needs.met.push(to);
      const there = needs.reached(to);
      if (there === undefined || there.id !== expected) {
        throw new Error('somebody else answers there');
      }
      return { carrier: there.carrier(needs.here().id), leave: () => undefined };
    },
  };
  return { reaching, book: () => book };
}

export function createWorld(): World {
  const hand = createHandClock();
  const clock: HandClock = {
    ...hand,
    now: () => startMs + hand.now(),
    get sleepers() {
      return hand.sleepers;
    },
  };
  const ending = new AbortController();
  const places = new Map<ClusterId, Place>();
  return {
    clock,
    end: () => ending.abort(),
    link(a, b) {
      a.peers.set(linked(b.id, `peer-${b.byte}`), b.carrier(a.id));
      b.peers.set(linked(a.id, `peer-${a.byte}`), a.carrier(b.id));
    },
    async place(byte, options = {}, store = createMemoryStore({ clock: hand })) {
      const signer = createTestSigner(crypto, byte, `cluster-${byte}`);
      const retried: ClusterId[] = [];
      const met: Endpoint[] = [];
      const blocked = new Set<ClusterId>();
      const peers = createTestPeers();
      const { reaching, book } = fakeLinks({
        retried,
        met,
        here: () => made,
        reached: (to) =>
          [...places.values()].find(({ byte: one }) => nodeOf(crypto, one + 1) === to.node),
      });
      const isBlocked = (cluster: ClusterId): boolean => blocked.has(cluster);
      const needs = { store, codec, crypto, clock, random, log: silentLog, signer, peers };
      const parts = createDiscovery({ ...needs, reaching, keys: firstKeys, isBlocked, options });
      await parts.book.rows.start(ending.signal);
      const peer = createDiscoveryPeer({ ...parts, peers });
      const made: Place = {
        id: signer.cluster,
        byte,
        peers,
        parts,
        peer,
        store,
        retried,
        met,
        blocked,
        book,
        endpoints: [{ node: signer.node, addresses: [`192.0.2.${byte}:4433`] }],
        run() {
          const works = [parts.announcing, parts.gossip, parts.lan, parts.publishing];
          for (const each of parts.speaks ? works : []) {
            each?.run(ending.signal).catch(() => undefined);
          }
        },
        carrier: (from) =>
          carrierTo(
            [{ contract: discoveryPeerContract, service: peer }],
            callerOf(from, nodeOf(crypto, 99)),
          ),
      };
      places.set(made.id, made);
      return made;
    },
  };
}

/** What a cluster of that number says, signed with its key. */
export function idOf(byte: number): ClusterId {
  return clusterOf(crypto, byte);
}

export function known(place: Place, byte: number): number | undefined {
  return place.parts.book.find(idOf(byte))?.counter;
}

/** A word of that cluster, signed now; what is changed then is changed under its signature. */
export function signedBy(
  { clock }: World,
  byte: number,
  change: Partial<Announcement> & { readonly counter: number },
): Announcement {
  const { counter } = change;
  const made = makeAnnouncement(createTestSigner(crypto, byte, `cluster-${byte}`), {
    counter,
    nowMs: clock.now(),
    gossip: change.gossip ?? true,
    endpoints: [{ node: nodeOf(crypto, byte + 1), addresses: [`192.0.2.${byte}:${counter}`] }],
    apps: [],
  });
  return { ...made, ...change };
}

export function announce(
  to: Place,
  from: Place,
  said: Announcement | { readonly announcement: Announcement; readonly hops: number },
): Promise<{ readonly taken: boolean }> {
  const input = 'hops' in said ? said : { announcement: said, hops: 0 };
  const caller = callerOf(from.id, nodeOf(crypto, 99));
  return to.peer.announce(input, { caller });
}
