// Clusters that issue, hold and show tokens, in one process and under a test's hand.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { KeyBook } from '@hansa/capabilities/identity/contract';
import { tokensCapability } from '@hansa/capabilities/tokens/capability';
import type { Tokens } from '@hansa/capabilities/tokens/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  silentLog,
  type Carrier,
  type ClusterId,
  type Crypto,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { onTestFinished } from 'vitest';
import { createHandDirectories, type HandDirectories } from './access-cluster.ts';
import { createHandClock, type HandClock } from './hand-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from './test-cluster.ts';
import { createTestKeys } from './test-keys.ts';

const codec = createMsgpackCodec();
export const crypto: Crypto = createNodeCrypto();
export const lubeck: ClusterId = clusterOf(crypto, 1);
export const bergen: ClusterId = clusterOf(crypto, 11);
export const riga: ClusterId = clusterOf(crypto, 21);

export interface TokenCluster extends ReturnType<typeof tokensCapability> {
  readonly tokens: Tokens;
  readonly peers: TestPeers;
  /** Who is known here, by the hand of the test. */
  readonly people: HandDirectories;
  /** Why a cluster is kept at a distance. */
  readonly remarks: Map<ClusterId, string>;
  readonly clock: HandClock;
  readonly events: readonly string[];
  stop(): Promise<void>;
  restart(): Promise<TokenCluster>;
}

interface Ground {
  readonly clock?: HandClock;
  readonly store?: KeyValueStore;
  readonly people?: HandDirectories;
  readonly access?: AccessControl;
  readonly keys?: KeyBook;
}

export function startedClock(): HandClock {
  const clock = createHandClock();
  clock.advance(1_800_000_000_000);
  return clock;
}

export async function makeTokenCluster(
  byte = 1,
  name = 'lubeck',
  ground: Ground = {},
): Promise<TokenCluster> {
  const clock = ground.clock ?? startedClock();
  const store = ground.store ?? createMemoryStore({ clock });
  const peers = createTestPeers();
  const people = ground.people ?? createHandDirectories();
  const remarks = new Map<ClusterId, string>();
  const events: string[] = [];
  const log: Log = {
    ...silentLog,
    event: (event, fields) => void events.push(JSON.stringify([event, fields])),
    with: () => log,
  };
  const made = tokensCapability({
    store,
    codec,
    clock,
    crypto,
    random: createSeededRandom(byte),
    log,
    signer: createTestSigner(crypto, byte, name),
    peers,
    keys: ground.keys ?? createTestKeys(),
    directories: () => people,
    access: () => ground.access,
    remark: (peer) => remarks.get(peer),
  });
  const life = new AbortController();
  const { capability } = made;
  await capability.start(life.signal);
  const duties = capability.duties.map(({ run }) => run(life.signal).catch(() => undefined));
  const end = async (): Promise<void> => {
    life.abort();
    await Promise.all(duties);
    await capability.stop();
  };
  onTestFinished(end);
  return {
    ...made,
    tokens: capability.serves[0]?.service as Tokens,
    peers,
    people,
    remarks,
    clock,
    events,
    stop: end,
    async restart() {
      await end();
      return makeTokenCluster(byte, name, { ...ground, clock, store, people });
    },
  };
}

/** The way from a cluster to what another one lets peers call. */
export function wayTo(to: TokenCluster, from: number): Carrier {
  const caller = callerOf(clusterOf(crypto, from), nodeOf(crypto, from + 1));
  return carrierTo(to.capability.servesPeers, caller);
}

/** lubeck, which issues, and bergen, which holds; bergen is connected to lubeck. */
export async function tokenPair(): Promise<{
  issuer: TokenCluster;
  holder: TokenCluster;
  connect(): void;
}> {
  const clock = startedClock();
  const issuer = await makeTokenCluster(1, 'lubeck', { clock });
  const holder = await makeTokenCluster(11, 'bergen', { clock });
  issuer.peers.set(linked(bergen, 'bergen'));
  const connect = (): void => holder.peers.set(linked(lubeck, 'lubeck'), wayTo(issuer, 11));
  connect();
  return { issuer, holder, connect };
}

export interface TokenFederation {
  readonly clock: HandClock;
  readonly lubeck: TokenCluster;
  readonly bergen: TokenCluster;
  readonly riga: TokenCluster;
}

/**
 * anna of lubeck, whom bergen and riga know by its directory and for whom tokens may be made for
 * both; every two clusters are linked and connected.
 */
export async function tokenFederation(
  access?: AccessControl,
  store?: KeyValueStore,
): Promise<TokenFederation> {
  const clock = startedClock();
  const home = { clock, ...(access === undefined ? {} : { access }) };
  const all = {
    clock,
    lubeck: await makeTokenCluster(1, 'lubeck', home),
    bergen: await makeTokenCluster(11, 'bergen', {
      clock,
      ...(store === undefined ? {} : { store }),
    }),
    riga: await makeTokenCluster(21, 'riga', { clock }),
  };
  all.lubeck.people.put('user:anna', { clusters: [bergen, riga] });
  all.bergen.people.put(`user:anna@${lubeck}`, {});
  all.riga.people.put(`user:anna@${lubeck}`, {});
  connectAll(all);
  return all;
}

/** Every two of them, both ways. */
function connectAll({ lubeck: a, bergen: b, riga: c }: TokenFederation): void {
  const places = [
    { made: a, byte: 1, id: lubeck, name: 'lubeck' },
    { made: b, byte: 11, id: bergen, name: 'bergen' },
    { made: c, byte: 21, id: riga, name: 'riga' },
  ];
  for (const here of places) {
    for (const there of places.filter((other) => other !== here)) {
      here.made.peers.set(linked(there.id, there.name), wayTo(there.made, here.byte));
    }
  }
}
