// A resource log on a store in memory and on a clock that a test moves; opened as often as a test
// wants nodes.
import type { ChangeOp, Head, ResourceLog } from '@hansa/capabilities/resources/contract';
import type { Signer } from '@hansa/capabilities/identity/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { utf8, type KeyValueStore, type LocalId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect } from 'vitest';
import type { ResourceLogNeeds } from '../capabilities/resources/appending.ts';
import { createResourceLog, type StartedLog } from '../capabilities/resources/log.ts';
import { createHandClock, type HandClock } from './hand-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createTestSigner } from './test-cluster.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const startMs = 1_700_000_000_000;

export interface BenchOptions {
  readonly store?: KeyValueStore;
  readonly seed?: number;
  readonly signer?: Signer;
  readonly kept?: ResourceLogNeeds['kept'];
}

export interface ResourceBench {
  readonly clock: HandClock;
  readonly store: KeyValueStore;
  readonly signer: Signer;
  /** A log on the bench's store, or on another. */
  open(given?: BenchOptions): Promise<ResourceLog>;
  /** The same with what its host does with it. */
  started(given?: BenchOptions): Promise<StartedLog>;
  /** A log with git resources of these names. */
  openWith(...names: readonly string[]): Promise<ResourceLog>;
  /** The present heads of all, asked for at once. */
  sign(log: ResourceLog, ids: readonly LocalId[]): Promise<Head[]>;
}

export function createResourceBench(): ResourceBench {
  const clock = createHandClock();
  clock.advance(startMs);
  const store = createMemoryStore({ clock });
  const signer = createTestSigner(crypto, 1, 'lubeck');
  const bench: ResourceBench = {
    clock,
    store,
    signer,
    async started(given = {}) {
      const random = createSeededRandom(given.seed ?? 1);
      const own = { store: given.store ?? store, signer: given.signer ?? signer };
      const { kept } = given;
      const started = createResourceLog({ ...own, codec, crypto, clock, random, kept });
      await started.start(new AbortController().signal);
      return started;
    },
    open: async (given) => (await bench.started(given)).log,
    async openWith(...names) {
      const log = await bench.open();
      for (const name of names) {
        await log.create({ kind: 'git', name });
      }
      return log;
    },
    async sign(log, ids) {
      const positions = await Promise.all(ids.map((id) => log.position(id)));
      const heads = ids.map(async (id, index) => {
        const position = positions[index];
        if (position === undefined) {
          throw new Error(`${id} has no position`);
        }
        return log.sign(id, position);
      });
      const signed = Promise.all(heads);
      signed.catch(() => undefined);
      // What is asked for within a tick of the last signature waits for the clock.
      let isOver = false;
      void signed.then(
        () => (isOver = true),
        () => (isOver = true),
      );
      await expect.poll(() => isOver || clock.sleepers > 0).toBe(true);
      clock.advance(10);
      return signed;
    },
  };
  return bench;
}

export function put(key: string, value: string | Uint8Array = key): ChangeOp {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return { put: { key: utf8(key), value: bytes, blobs: [] } };
}

export function drop(key: string): ChangeOp {
  return { delete: { key: utf8(key) } };
}
