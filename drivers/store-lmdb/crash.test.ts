import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fromUtf8, utf8, type KeyValueStore, type Revision } from '@hansa/foundation';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundle } from '../../testkit/bundle.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { openLmdbStore } from './lmdb-store.ts';

const kills = 20;
// A writer loads the sources anew: half a second alone, many on a machine with other work. Only one
// that hangs comes near it.
const withinMs: number = kills * 20_000;
const keysPerCaller = 8; // as the writer has it
const writer = await bundle('testkit/store-crash-writer.ts');
afterAll(() => writer.remove());

interface Ack {
  readonly caller: number;
  readonly number: number;
  readonly revision: Revision;
}

/**
 * Starts a writer, kills it in the middle of its work after so many acknowledgements, returns them.
 */
async function writeAndDie(folder: string, round: number, acks: number): Promise<Ack[]> {
  const args = [writer.path, folder, String(round)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'close');
  const complaints: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  const acknowledged: Ack[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [caller = -1, number = -1, revision = -1] = line.split(' ').map(Number);
    acknowledged.push({ caller, number, revision });
    if (acknowledged.length === acks) {
      child.kill('SIGKILL');
    }
  }
  await ended;
  expect(Buffer.concat(complaints).toString()).toBe('');
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

/** The last acknowledged write of every key must be there, or a later one of the same caller. */
async function expectKept(
  store: KeyValueStore,
  round: number,
  acks: readonly Ack[],
): Promise<void> {
  const last = new Map<string, Ack>();
  for (const ack of acks) {
    last.set(`caller/${ack.caller}/${ack.number % keysPerCaller}`, ack);
  }
  for (const [key, ack] of last) {
    const { entry } = await store.get(utf8(key));
    const [foundRound, number] = fromUtf8(entry?.value ?? new Uint8Array(0)).split('.');
    expect(foundRound).toBe(String(round));
    expect(Number(number)).toBeGreaterThanOrEqual(ack.number);
    expect(entry?.modRevision).toBeGreaterThanOrEqual(ack.revision);
    // The acknowledged write itself is in the history, at the revision it was given.
    const then = await store.get(utf8(key), { revision: ack.revision });
    expect(fromUtf8(then.entry?.value ?? new Uint8Array(0))).toBe(`${round}.${ack.number}`);
    expect(then.entry?.modRevision).toBe(ack.revision);
  }
}

describe('the LMDB store under kill -9', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hansa-crash-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  test(
    'loses no acknowledged write of 64 callers in 20 kills, and no revision returns',
    async () => {
      const given = new Set<Revision>();
      let total = 0;
      let headBefore = 0;
      for (let round = 0; round < kills; round += 1) {
        const acks = await writeAndDie(folder, round, 50 + ((round * 997) % 1_500));
        const store = await openLmdbStore({ folder, clock: createHandClock() });
        const { revision: head } = await store.status();
        for (const { revision } of acks) {
          expect(revision).toBeGreaterThan(headBefore);
          expect(revision).toBeLessThanOrEqual(head);
          given.add(revision);
        }
        total += acks.length;
        await expectKept(store, round, acks);
        await store.close();
        headBefore = head;
      }
      expect(given.size).toBe(total);
    },
    withinMs,
  );
});
