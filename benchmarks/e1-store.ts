// E1: durable puts into the embedded store from 64 callers, beside lmdb alone. The peer makes the
// LMDB calls that a put of ours makes (read the key, write it, write a log record with key and
// value, write the head once per commit) in the same group commit with the same options, and does
// none of the rest: no versions, leases, compares, limits, watches, no way to read its log.
import { readFileSync } from 'node:fs';
import { mkdtemp, open as openFile, rm, statfs, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createSystemClock } from '@hansa/system-node';
import { open, type RootDatabase } from 'lmdb';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
  type BenchmarkRun,
} from '../scripts/bench/benchmark.ts';

const callers = 64;
const valueBytes = 128;
const keys = 100_000; // more than fit in a few pages, fewer than memory
const keyBytes = 16;
const turnMs = 250; // short, so that what else the machine does meets both alike
const turnsPerRound = 4;
const tmpfsMagic = 0x0102_1994; // there, an fsync costs nothing and the claim means nothing

type Put = (key: Buffer, value: Buffer) => Promise<unknown>;

interface Contender {
  readonly put: Put;
  close(): Promise<void>;
}

async function ours(folder: string): Promise<Contender> {
  const store = await openLmdbStore({ folder, clock: createSystemClock() });
  return { put: (key, value) => store.set(key, value), close: () => store.close() };
}

function openBare(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    maxDbs: 1,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    eventTurnBatching: false,
  });
}

/** Answers all that have queued up when a commit begins once that commit is done. */
function grouped<T>(
  commit: (take: () => readonly T[]) => Promise<void>,
): (one: T) => Promise<void> {
  let waiting: { readonly one: T; readonly done: () => void }[] = [];
  let isBusy = false;
  const pump = async (): Promise<void> => {
    isBusy = true;
    while (waiting.length > 0) {
      let taken: typeof waiting = [];
      await commit(() => {
        [taken, waiting] = [waiting, []];
        return taken.map(({ one }) => one);
      });
      taken.forEach(({ done }) => done());
    }
    isBusy = false;
  };
  return (one) =>
    new Promise((resolve, reject) => {
      waiting.push({ one, done: resolve });
      if (!isBusy) {
        pump().catch(reject);
      }
    });
}

async function bareLmdb(folder: string, isReading: boolean): Promise<Contender> {
  const db = openBare(folder);
  const headKey = Buffer.of(0);
  let revision = 0;
  const write = grouped<{ key: Buffer; value: Buffer }>(async (take) => {
    await db.transaction(() => {
      for (const { key, value } of take()) {
        revision += 1;
        const logKey = Buffer.alloc(9, 2);
        logKey.writeDoubleBE(revision, 1);
        const stateKey = Buffer.concat([Buffer.of(1), key]);
        if (isReading) {
          db.getBinary(stateKey);
        }
        db.putSync(stateKey, value);
        db.putSync(logKey, Buffer.concat([key, value]));
      }
      const head = Buffer.alloc(8);
      head.writeDoubleBE(revision);
      db.putSync(headKey, head);
    });
  });
  return { put: (key, value) => write({ key, value }), close: () => db.close() };
}

/** Not a store: what the disk allows to anybody. */
async function rawLog(folder: string): Promise<Contender> {
  const file: FileHandle = await openFile(join(folder, 'log'), 'a');
  const write = grouped<Buffer>(async (take) => {
    await file.appendFile(Buffer.concat(take()));
    await file.datasync();
  });
  return { put: (key, value) => write(Buffer.concat([key, value])), close: () => file.close() };
}

/** Puts per second of all callers, each waiting for its last put before the next. */
async function measure(put: Put): Promise<number> {
  const value = Buffer.alloc(valueBytes, 7);
  const start = performance.now();
  let count = 0;
  const call = async (): Promise<void> => {
    while (performance.now() - start < turnMs) {
      const name = Math.floor(Math.random() * keys);
      await put(Buffer.from(String(name).padStart(keyBytes, '0')), value);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return (count / (performance.now() - start)) * 1_000;
}

async function run({ rounds }: BenchmarkRun): Promise<BenchmarkResult> {
  const root = await mkdtemp(join(tmpdir(), 'hansa-e1-'));
  const folder = (name: string): Promise<string> => mkdtemp(join(root, `${name}-`));
  const contenders = {
    ours: await ours(await folder('ours')),
    bare: await bareLmdb(await folder('bare'), true),
    blind: await bareLmdb(await folder('blind'), false),
    raw: await rawLog(await folder('raw')),
  };
  const turns = rounds * turnsPerRound;
  try {
    const compared = await compare({
      rounds: turns,
      better: 'higher',
      ours: () => measure(contenders.ours.put),
      peer: () => measure(contenders.bare.put),
    });
    const limits = await compare({
      rounds: turns,
      better: 'higher',
      ours: () => measure(contenders.blind.put),
      peer: () => measure(contenders.raw.put),
    });
    const { type } = await statfs(root);
    return {
      ...compared,
      unit: 'durable puts/s',
      peerName: `lmdb ${lmdbVersion()}, the same calls in the same group commit`,
      notes: [
        ...compared.notes,
        `${callers} callers, ${valueBytes} B values, ${keys} keys at random, turns of ${turnMs} ms`,
        'both: overlappingSync off, acknowledged after fsync',
        `the peer without the read that a version needs: ${brief(limits.ours)}/s`,
        `the limit, a raw group-commit log with fdatasync: ${brief(limits.peer)}/s`,
        ...(type === tmpfsMagic ? ['WORTHLESS: the temporary folder is in memory'] : []),
      ],
    };
  } finally {
    for (const contender of Object.values(contenders)) {
      await contender.close();
    }
    await rm(root, { recursive: true });
  }
}

/** As the driver pins it, to the digit. */
function lmdbVersion(): string {
  const manifest = new URL('../drivers/store-lmdb/package.json', import.meta.url);
  const { dependencies }: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(
    readFileSync(manifest, 'utf8'),
  );
  return dependencies['lmdb'] ?? 'unknown';
}

export const benchmark: Benchmark = {
  id: 'E1',
  title: 'Durable puts at 64 callers keep pace with bare lmdb writing the same batch',
  run,
};
