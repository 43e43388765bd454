// Clusters with apps, linked in a row, in one process and under a test's hand.
import { appsCapability } from '@hansa/capabilities/apps/capability';
import type { Apps, Registration } from '@hansa/capabilities/apps/contract';
import type { AppEndpoints, AppRequest } from '@hansa/capabilities/apps/endpoint';
import { tokensCapability } from '@hansa/capabilities/tokens/capability';
import type { IssueRequest, Tokens } from '@hansa/capabilities/tokens/contract';
import { createHolder } from '@hansa/capabilities/tokens/holder';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, utf8, type Carrier, type Crypto } from '@hansa/foundation';
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
  settled,
  type TestPeers,
} from './test-cluster.ts';
import { createTestKeys } from './test-keys.ts';

const codec = createMsgpackCodec();
export const crypto: Crypto = createNodeCrypto();
export const ledger: Registration = {
  id: 'ledger',
  version: '1.4.0',
  name: 'The ledger',
  capabilities: ['book.keeping'],
  endpoint: 'http://127.0.0.1:8080',
};

interface Asked extends AppRequest {
  readonly endpoint: string;
  readonly caller: string;
}

export interface AppCluster {
  readonly byte: number;
  readonly apps: Apps;
  readonly tokens: Tokens;
  readonly peers: TestPeers;
  readonly asked: Asked[];
  /** How peers reach it. */
  readonly way: (from: number) => Carrier;
}

interface Ground {
  readonly clock?: HandClock;
  readonly proxy?: boolean;
  readonly endpoints?: AppEndpoints;
}

export async function makeAppCluster(
  byte: number,
  name: string,
  ground: Ground = {},
): Promise<AppCluster> {
  const clock = ground.clock ?? createHandClock();
  const peers = createTestPeers();
  const asked: Asked[] = [];
  const base = { codec, clock, crypto, log: silentLog, peers, random: createSeededRandom(byte) };
  const signer = createTestSigner(crypto, byte, name);
  const tokening = tokensCapability({
    ...base,
    store: createMemoryStore({ clock }),
    signer,
    keys: createTestKeys(),
  });
  const capability = appsCapability({
    ...base,
    store: createMemoryStore({ clock }),
    signer,
    checks: tokening.checks,
    proxy: ground.proxy,
    endpoints: ground.endpoints ?? {
      async call(endpoint, request) {
        asked.push({ endpoint, ...request });
        return { status: 200, contentType: 'text/plain', body: utf8(`${name} says hello`) };
      },
    },
  });
  const life = new AbortController();
  const parts = [tokening.capability, capability];
  for (const one of parts) {
    await one.start(life.signal);
  }
  const duties = parts.flatMap((one) =>
    one.duties.map(({ run }) => run(life.signal).catch(() => undefined)),
  );
  onTestFinished(async () => {
    life.abort();
    await Promise.all(duties);
    for (const one of parts) {
      await one.stop();
    }
  });
  return {
    byte,
    apps: capability.serves[0]?.service as Apps,
    tokens: tokening.capability.serves[0]?.service as Tokens,
    peers,
    asked,
    way: (from) =>
      carrierTo(
        parts.flatMap((one) => one.servesPeers),
        callerOf(clusterOf(crypto, from), nodeOf(crypto, from + 1)),
      ),
  };
}

const names = new Map([
  [1, 'lubeck'],
  [11, 'bergen'],
  [21, 'riga'],
  [31, 'visby'],
  [41, 'turku'],
]);

export function linkApps(a: AppCluster, b: AppCluster): void {
  a.peers.set(linked(clusterOf(crypto, b.byte), names.get(b.byte) ?? ''), b.way(a.byte));
  b.peers.set(linked(clusterOf(crypto, a.byte), names.get(a.byte) ?? ''), a.way(b.byte));
}

/** Four clusters in a row, each linked to the next. */
export async function appRow(
  ground: Ground = { proxy: true },
): Promise<[AppCluster, AppCluster, AppCluster, AppCluster]> {
  const clock = createHandClock();
  clock.advance(1_800_000_000_000);
  const lubeck = await makeAppCluster(1, 'lubeck', { clock, ...ground });
  const bergen = await makeAppCluster(11, 'bergen', { clock, ...ground });
  const riga = await makeAppCluster(21, 'riga', { clock, ...ground });
  const visby = await makeAppCluster(31, 'visby', { clock, ...ground });
  linkApps(lubeck, bergen);
  linkApps(bergen, riga);
  linkApps(riga, visby);
  return [lubeck, bergen, riga, visby];
}

export async function knows(one: AppCluster, id = 'ledger'): Promise<void> {
  await settled(async () => (await one.apps.list({})).apps.some((app) => app.id === id) === true);
}

const seed = '07'.repeat(32);

/** A token of the app's cluster for a key, narrowed by it for the cluster that it calls at. */
export async function passFor(
  at: AppCluster,
  owner: AppCluster,
  given: Partial<IssueRequest> & { readonly ttlMs?: number } = {},
): Promise<string> {
  const clock = createHandClock();
  clock.advance(1_800_000_000_000);
  const holder = createHolder({ crypto, random: createSeededRandom(99), clock });
  const root = await owner.tokens.issue({
    audience: [holder.holderOf(seed)],
    caps: ['app:*'],
    delegable: true,
    subject: 'ada',
  });
  return holder.attenuate({
    token: root.token,
    seed,
    audience: given.audience ?? [`cluster:${clusterOf(crypto, at.byte)}`],
    caps: given.caps ?? ['app:ledger'],
    ttlMs: given.ttlMs ?? 600_000,
    delegable: given.delegable ?? true,
    facts: given.facts ?? ['proxy'],
  }).token;
}
