// E2: what keeping the digest costs. Small changes are appended to a resource of many keys, in
// turns by a log with everything that the digest needs (leaves hashed, the trie brought to the
// present, its pages written) and by one that keeps none; then the log is opened anew, and asked
// for its first change and head.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { localId, utf8, type KeyValueStore } from '@hansa/foundation';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import type { Digests } from '../capabilities/resources/digests.ts';
import { createResourceLog, type StartedLog } from '../capabilities/resources/log.ts';
import { brief, median, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { createTestSigner } from '../testkit/test-cluster.ts';

const fewKeys = [1_000, 100_000];
const largeKeysDefault = 1_000_000; // HANSA_BENCH_KEYS=100000 makes a shorter run
const valueBytes = 128;
const fillOps = 90; // of one change while the keys are made
const memoryKeysMax = 100_000;
// As many as it takes to write the pages twice while changes go on.
const withDigest = 210_000;
const withoutDigest = 70_000;
const aloneShare = { memory: 0.5, lmdb: 0.05 }; // one caller waits for each change, or its fsync

const crypto = createNodeCrypto();
const clock = createSystemClock();
const id = localId('kv', 'many');
const author = 'bench';

/** Everything that an append does, and nothing that a digest needs. */
const noDigests: Digests = {
  appended: () => undefined,
  position: async () => undefined,
  snapshot: async () => undefined,
  writeUpTo: async () => undefined,
  remove: async () => undefined,
  writeAll: async () => undefined,
};

async function openLog(store: KeyValueStore, digests?: () => Digests): Promise<StartedLog> {
  const signer = createTestSigner(crypto, 1, 'lubeck');
  const random = createSystemRandom();
  const codec = createMsgpackCodec();
  const log = createResourceLog({ store, codec, crypto, clock, random, signer }, digests);
  await log.start(new AbortController().signal);
  return log;
}

function op(key: number) {
  const value = crypto.hash(utf8(String(Math.random())));
  const whole = new Uint8Array(valueBytes);
  whole.set(value);
  return { put: { key: utf8(`key-${key}`), value: whole, blobs: [] } };
}

async function fill({ log, rest }: StartedLog, keys: number): Promise<void> {
  await log.create({ kind: 'kv', name: 'many' });
  for (let at = 0; at < keys; at += fillOps) {
    const ops = Array.from({ length: Math.min(fillOps, keys - at) }, (_, i) => op(at + i));
    await log.append(id, ops, { author });
  }
  await log.position(id);
  await rest();
}

/** Microseconds of a change, with `after` as a part of all of them. */
async function timed(
  { log }: StartedLog,
  given: { readonly keys: number; readonly callers: number; readonly changes: number },
  after: () => Promise<unknown>,
): Promise<number> {
  const { keys, callers, changes } = given;
  let left = changes;
  const start = performance.now();
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await log.append(id, [op(Math.floor(Math.random() * keys))], { author });
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  await after();
  return ((performance.now() - start) * 1_000) / changes;
}

interface Cost {
  readonly name: string;
  readonly with: number;
  readonly without: number;
}

interface Logs {
  readonly kept: StartedLog;
  readonly bare: StartedLog;
}

async function costOf(
  logs: Logs,
  given: {
    readonly name: string;
    readonly keys: number;
    readonly callers: number;
    readonly share: number;
    readonly rounds: number;
  },
): Promise<Cost> {
  const { log, rest } = logs.kept;
  const [kept, bare]: [number[], number[]] = [[], []];
  const settle = async (): Promise<void> => {
    await log.position(id);
    await rest();
  };
  const { share } = given;
  const nothing = async (): Promise<void> => undefined;
  const toThePresent = () => log.position(id);
  for (let round = 0; round < given.rounds; round += 1) {
    bare.push(await timed(logs.bare, { ...given, changes: withoutDigest * share }, nothing));
    await settle();
    kept.push(await timed(logs.kept, { ...given, changes: withDigest * share }, toThePresent));
    await settle();
  }
  return { name: given.name, with: median(kept), without: median(bare) };
}

function text({ name, with: kept, without }: Cost): string {
  const share = brief(((kept - without) / kept) * 100);
  return (
    `${name}: ${brief(kept)} µs a change, ${brief(without)} without: ${share} % less ` +
    `throughput`
  );
}

/** A start on what is there, the first change and the first head after it, in milliseconds. */
async function startText(store: KeyValueStore, keys: number): Promise<string> {
  const start = performance.now();
  const { log } = await openLog(store);
  const ready = performance.now();
  await log.append(id, [op(1)], { author });
  const written = performance.now();
  await log.position(id);
  const headed = performance.now();
  const [a, b, c] = [ready - start, written - ready, headed - written].map(brief);
  return `start with ${keys} keys: ready after ${a} ms, first change ${b} ms, its digest ${c} ms`;
}

async function run({ rounds }: { rounds: number }): Promise<BenchmarkResult> {
  const largeKeys = Number(process.env['HANSA_BENCH_KEYS'] ?? largeKeysDefault);
  const root = await mkdtemp(join(tmpdir(), 'hansa-e2-'));
  const costs: Cost[] = [];
  const notes: string[] = [];
  try {
    for (const keys of new Set([...fewKeys, largeKeys])) {
      const folder = await mkdtemp(join(root, 'lmdb-'));
      const onDisk = { engine: 'lmdb' as const, store: await openLmdbStore({ folder, clock }) };
      const inMemory = { engine: 'memory' as const, store: createMemoryStore({ clock }) };
      // What is in memory alone is for tests: how it fares says what is left where no disk is.
      const stores = keys > memoryKeysMax ? [onDisk] : [onDisk, inMemory];
      for (const { engine, store } of stores) {
        const kept = await openLog(store);
        await fill(kept, keys);
        const logs = { kept, bare: await openLog(store, () => noDigests) };
        const name = `${engine}, ${keys} keys`;
        const share = aloneShare[engine];
        const alone = await costOf(logs, { name, keys, callers: 1, share, rounds });
        const many = { name: `${name}, 64 callers`, keys, callers: 64, share: 1, rounds };
        const together = await costOf(logs, many);
        notes.push(text(alone), text(together));
        if (engine === 'lmdb') {
          costs.push(alone, together);
        }
        notes.push(`${engine}: ${await startText(store, keys)}`);
        await store.close();
      }
    }
  } finally {
    await rm(root, { recursive: true });
  }
  const [worst] = costs.toSorted((a, b) => a.without / a.with - b.without / b.with);
  if (worst === undefined) {
    throw new Error('nothing was measured');
  }
  return {
    unit: 'µs a change',
    ours: worst.with,
    peer: worst.without,
    peerName: `the same log without its digest (${worst.name}: the worst on disk)`,
    ratio: worst.without / worst.with,
    rounds,
    notes: [...notes, `one operation of ${valueBytes} B a change`],
  };
}

export const benchmark: Benchmark = {
  id: 'E2',
  title: 'Keeping the digest costs at most a fifth of the throughput of small changes',
  run,
};
