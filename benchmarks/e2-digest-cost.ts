// E2: what keeping the digest costs of what a caller puts. Values are put into a space of many
// keys, in turns over a log with everything that the digest needs (leaves hashed, the trie brought
// to the present, its pages written) and over one that keeps none; the log is measured by itself
// beside it. Then it is opened anew, and asked for its first change and head.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { localId, silentLog, utf8, type KeyValueStore } from '@hansa/foundation';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { kvKind, transactOpsMax, type Kv } from '../capabilities/kv/contract.ts';
import { entryKey } from '../capabilities/kv/keys.ts';
import { createKv } from '../capabilities/kv/service.ts';
import type { Digests } from '../capabilities/resources/digests.ts';
import { createResourceLog, type StartedLog } from '../capabilities/resources/log.ts';
import { brief, median, type Benchmark, type BenchmarkResult } from '../scripts/bench/benchmark.ts';
import { noLanes } from '../testkit/no-lanes.ts';
import { noMirrors } from '../testkit/no-mirrors.ts';
import { createTestSigner } from '../testkit/test-cluster.ts';

const fewKeys = [1_000, 100_000];
// the most that a space may have; HANSA_BENCH_KEYS=100000 makes a shorter run
const largeKeysDefault = 1_000_000;
const valueBytes = 128;
// As many as it takes to write the pages twice while changes go on.
const withDigest = 210_000;
const withoutDigest = 70_000;
const aloneShare = 0.05; // one caller waits for the fsync of each

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const clock = createSystemClock();
const space = 'many';
const id = localId(kvKind, space);
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

/** A log, and the spaces over it. */
interface Side extends StartedLog {
  readonly kv: Kv;
}

async function openSide(store: KeyValueStore, digests?: () => Digests): Promise<Side> {
  const signer = createTestSigner(crypto, 1, 'lubeck');
  const random = createSystemRandom();
  const needs = { store, codec, crypto, clock, random, signer };
  const started = createResourceLog(needs, digests);
  await started.start(new AbortController().signal);
  const around = { mirrors: noMirrors, lanes: noLanes, log: silentLog };
  return { ...started, ...createKv({ ...needs, resources: started.log, ...around }) };
}

const nameOf = (key: number): string => `key-${key}`;
const keyOf = (keys: number): number => Math.floor(Math.random() * keys);

function someValue(): string {
  return Math.random().toString().repeat(valueBytes).slice(0, valueBytes);
}

async function fill({ kv, log, rest }: Side, keys: number): Promise<void> {
  await kv.create({ name: space });
  for (let at = 0; at < keys; at += transactOpsMax) {
    const then = Array.from({ length: Math.min(transactOpsMax, keys - at) }, (_, i) => ({
      put: { key: nameOf(at + i), text: someValue() },
    }));
    await kv.transact({ space, if: [], then });
  }
  await log.position(id);
  await rest();
}

type Write = (side: Side, key: number) => Promise<unknown>;

const putValue: Write = ({ kv }, key) => kv.put({ space, key: nameOf(key), text: someValue() });

const append: Write = ({ log }, key) => {
  const op = { put: { key: entryKey(nameOf(key)), value: utf8(someValue()), blobs: [] } };
  return log.append(id, [op], { author });
};

/** Microseconds of a write, with `after` as a part of all of them. */
async function timed(
  side: Side,
  given: {
    readonly keys: number;
    readonly callers: number;
    readonly writes: number;
    readonly write: Write;
  },
  after: () => Promise<unknown>,
): Promise<number> {
  const { keys, callers, writes, write } = given;
  let left = writes;
  const start = performance.now();
  const call = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await write(side, keyOf(keys));
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  await after();
  return ((performance.now() - start) * 1_000) / writes;
}

interface Cost {
  readonly name: string;
  readonly with: number;
  readonly without: number;
}

interface Sides {
  readonly kept: Side;
  readonly bare: Side;
}

async function costOf(
  { kept, bare }: Sides,
  given: {
    readonly name: string;
    readonly keys: number;
    readonly callers: number;
    readonly write: Write;
    readonly share: number;
    readonly rounds: number;
  },
): Promise<Cost> {
  const [withs, withouts]: [number[], number[]] = [[], []];
  const toThePresent = () => kept.log.position(id);
  const settle = async (): Promise<void> => {
    await toThePresent();
    await kept.rest();
  };
  const { share } = given;
  const nothing = async (): Promise<void> => undefined;
  for (let round = 0; round < given.rounds; round += 1) {
    withouts.push(await timed(bare, { ...given, writes: withoutDigest * share }, nothing));
    await settle();
    withs.push(await timed(kept, { ...given, writes: withDigest * share }, toThePresent));
    await settle();
  }
  return { name: given.name, with: median(withs), without: median(withouts) };
}

function text({ name, with: kept, without }: Cost): string {
  const share = brief(((kept - without) / kept) * 100);
  return (
    `${name}: ${brief(kept)} µs a write, ${brief(without)} without: ${share} % less ` + 'throughput'
  );
}

/** A start on what is there, the first change and the first head after it, in milliseconds. */
async function startText(store: KeyValueStore, keys: number): Promise<string> {
  const start = performance.now();
  const side = await openSide(store);
  const ready = performance.now();
  await append(side, 1);
  const written = performance.now();
  await side.log.position(id);
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
      const store = await openLmdbStore({ folder: await mkdtemp(join(root, 'lmdb-')), clock });
      const kept = await openSide(store);
      await fill(kept, keys);
      const sides = { kept, bare: await openSide(store, () => noDigests) };
      const name = `${keys} keys`;
      const given = { keys, callers: 64, write: putValue, share: 1, rounds };
      const alone = { ...given, name: `${name}, one caller`, callers: 1, share: aloneShare };
      const puts = [
        await costOf(sides, alone),
        await costOf(sides, { ...given, name: `${name}, 64 callers` }),
      ];
      const below = { ...given, name: `${name}, 64 callers of the log alone`, write: append };
      costs.push(...puts);
      notes.push(...puts.map(text), text(await costOf(sides, below)));
      notes.push(await startText(store, keys));
      await store.close();
    }
  } finally {
    await rm(root, { recursive: true });
  }
  const [worst] = costs.toSorted((a, b) => a.without / a.with - b.without / b.with);
  if (worst === undefined) {
    throw new Error('nothing was measured');
  }
  return {
    unit: 'µs a put',
    ours: worst.with,
    peer: worst.without,
    peerName: `the same space over a log without its digest (${worst.name}: the worst)`,
    ratio: worst.without / worst.with,
    rounds,
    notes: [...notes, `on disk, in process; one value of ${valueBytes} B a write`],
  };
}

export const benchmark: Benchmark = {
  id: 'E2',
  title: 'Keeping the digest costs at most a fifth of the throughput of puts',
  run,
};
