// Forges on stores in memory with stock git behind them, as many as a test wants nodes, each with a
// server that stock git speaks to.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { internalRefPrefix, type Git } from '@hansa/capabilities/forge/git';
import { smartHttp } from '@hansa/capabilities/forge/smart-http';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import type { Mirror, Mirrors, MirrorView } from '@hansa/capabilities/sync/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  silentLog,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createGitCli } from '@hansa/git-cli';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { createCaches, type Caches, type CacheNeeds } from '../capabilities/forge/caches.ts';
import type { Forge } from '../capabilities/forge/contract.ts';
import { createForge, type ForgeService } from '../capabilities/forge/service.ts';
import { createResourceLog } from '../capabilities/resources/log.ts';
import { serveGit, type GitHttpServer } from './git-http-server.ts';
import { noLanes } from './no-lanes.ts';
import { noMirrors } from './no-mirrors.ts';
import { createSeededRandom } from './seeded-random.ts';
import { StockGit } from './stock-git.ts';
import { clusterOf, createTestSigner } from './test-cluster.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const signer = createTestSigner(crypto, 1, 'lubeck');

/** The repository `app` of `lubeck`, and `tools` of `bergen`. */
export const appId: FederatedId = federatedId(signer.cluster, localId('git', 'app'));
export const toolsId: FederatedId = federatedId(clusterOf(crypto, 11), localId('git', 'tools'));

export interface ForgeNode {
  readonly git: Git;
  readonly log: ResourceLog;
  readonly blobs: MemoryBlobs;
  readonly caches: Caches;
  readonly service: ForgeService;
  readonly forge: Forge;
  readonly server: GitHttpServer;
}

/** What outlives a node. */
export interface ForgeDisk {
  readonly store: KeyValueStore;
  readonly blobs: MemoryBlobs;
}

export interface ForgeBench {
  disk(): ForgeDisk;
  node(disk: ForgeDisk): Promise<ForgeNode>;
  /** Another forge over a node's own git and caches, with other resources or mirrors. */
  serve(
    node: ForgeNode,
    other: { readonly log?: ResourceLog; readonly mirrors?: Mirrors },
  ): Promise<GitHttpServer>;
  git(): Promise<Git>;
  cacheNeeds(git: Git, blobs: MemoryBlobs): CacheNeeds;
  person(): Promise<StockGit>;
  /** Undoes all that was made, last first. */
  end(): Promise<void>;
}

export function createForgeBench(): ForgeBench {
  const undo: (() => Promise<unknown>)[] = [];
  const bench: ForgeBench = {
    disk: () => ({ store: createMemoryStore({ clock }), blobs: createMemoryBlobs({ crypto }) }),
    async node({ store, blobs }) {
      const git = await bench.git();
      const random = createSeededRandom(1);
      const { log, start } = createResourceLog({ store, codec, crypto, clock, random, signer });
      await start(new AbortController().signal);
      const needs = bench.cacheNeeds(git, blobs);
      const caches = createCaches(needs);
      const mirrors = mirrorsOf();
      const parts = { ...needs, signer, resources: log, mirrors, lanes: noLanes, apiUrl };
      const service = createForge(parts, caches);
      const server = await serveGit(smartHttp({ git, find: service.find }));
      undo.push(() => server.close());
      return { git, log, blobs, caches, service, forge: service.forge, server };
    },
    async serve({ git, log, blobs, caches }, other) {
      const needs = bench.cacheNeeds(git, blobs);
      const given = { resources: other.log ?? log, mirrors: other.mirrors ?? mirrorsOf() };
      const { find } = createForge({ ...needs, ...given, signer, lanes: noLanes, apiUrl }, caches);
      const server = await serveGit(smartHttp({ git, find }));
      undo.push(() => server.close());
      return server;
    },
    async git() {
      const folder = await mkdtemp(join(tmpdir(), 'hansa-forge-'));
      const git = await createGitCli({ folder, hiddenRefs: [internalRefPrefix] });
      undo.push(() => rm(folder, { recursive: true, force: true }));
      undo.push(() => git.close());
      return git;
    },
    cacheNeeds: (git, blobs) => ({ git, blobs, codec, crypto, log: silentLog }),
    async person() {
      const made = await StockGit.create();
      undo.push(() => made.remove());
      return made;
    },
    async end() {
      for (const step of undo.splice(0).toReversed()) {
        await step();
      }
    },
  };
  return bench;
}

function apiUrl(): string {
  return 'http://127.0.0.1:1';
}

/** One mirror, `bergen:tools`, whose entries a test may bring. */
export function mirrorsOf(view?: MirrorView): Mirrors {
  const mirror: Mirror = {
    resource: toolsId,
    owner: clusterOf(crypto, 11),
    ownerName: 'bergen',
    kind: 'git',
    name: 'tools',
    state: 'waiting',
    fetchedBlobs: 0,
    fetchedBytes: 0,
    addedMs: 0,
  };
  return {
    ...noMirrors,
    resolve(spelled) {
      if (!['bergen:tools', 'bergen:git/tools', toolsId].includes(spelled)) {
        throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${spelled} here`);
      }
      return toolsId;
    },
    find: (id) => (id === toolsId ? mirror : undefined),
    view: async (id) => (id === toolsId ? view : undefined),
    all: () => [mirror],
  };
}
