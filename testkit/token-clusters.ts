// Clusters that issue, hold and show tokens, in one process and under a test's hand.
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
  readonly clock: HandClock;
  readonly events: readonly string[];
  restart(): Promise<TokenCluster>;
}

interface Ground {
  readonly clock?: HandClock;
  readonly store?: KeyValueStore;
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
    keys: createTestKeys(),
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
    clock,
    events,
    async restart() {
      await end();
      return makeTokenCluster(byte, name, { clock, store });
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
