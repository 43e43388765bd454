// Every page of the file in turn has a bit flipped, with a process of its own to read it: never a
// value that was not written.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { bundle } from '../../testkit/bundle.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { k } from '../../testkit/store-fixture.ts';
import { openLmdbStore } from './lmdb-store.ts';

const flips = 300;
const withinMs = 120_000; // a reader that LMDB took down is started anew, which takes a second
const reader = await bundle('testkit/flip-reader.ts');
afterAll(() => reader.remove());

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hansa-flips-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Reader {
  readonly child: ChildProcess;
  readonly lines: Interface;
  readonly ended: Promise<void>;
}

function startReader(): Reader {
  const child = spawn(process.execPath, [reader.path], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  return { child, lines, ended: once(child, 'close').then(() => undefined) };
}

/** What it read; undefined where LMDB took the process down. */
async function read({ child, lines, ended }: Reader, path: string): Promise<string | undefined> {
  const leaving = new AbortController();
  const line = once(lines, 'line', { signal: leaving.signal }).catch(() => []);
  child.stdin?.write(`${path}\n`);
  const [said]: unknown[] = await Promise.race([line, ended.then(() => [])]);
  leaving.abort();
  return typeof said === 'string' ? said : undefined;
}

test(
  `no bit of ${flips} that flipped anywhere in the file gives a value that was not written`,
  async () => {
    const whole = join(folder, 'whole');
    const store = await openLmdbStore({ folder: whole, clock: createHandClock() });
    for (let index = 0; index < 60; index += 1) {
      await store.set(k(`key-${index}`), k(`value ${index}`.repeat(20)));
    }
    await store.close();
    const bytes = readFileSync(join(whole, 'data.mdb'));
    const random = createSeededRandom(7);
    const counted = { right: 0, damaged: 0, absent: 0, down: 0 };
    let child = startReader();
    for (let flip = 0; flip < flips; flip += 1) {
      const at = Math.floor(random.fraction() * bytes.length);
      const path = join(folder, `flip-${flip}`);
      mkdirSync(path);
      copyFileSync(join(whole, 'data.mdb'), join(path, 'data.mdb'));
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (flip % 8));
      writeFileSync(join(path, 'data.mdb'), flipped);
      const seen = await read(child, path);
      expect(seen?.includes('W') === true ? `bit ${flip % 8} of byte ${at}` : '').toBe('');
      counted.right += seen !== undefined && /^r+$/.test(seen) ? 1 : 0;
      counted.damaged += seen?.includes('d') === true ? 1 : 0;
      counted.absent += seen?.includes('a') === true ? 1 : 0;
      counted.down += seen === undefined ? 1 : 0;
      rmSync(path, { recursive: true });
      child = seen === undefined ? startReader() : child;
    }
    child.child.stdin?.end();
    await child.ended;
    // Most bits lie in free pages or in history that nobody read: they change nothing.
    expect(counted.right).toBeGreaterThan(0);
    expect(counted.damaged).toBeGreaterThan(0);
  },
  withinMs,
);
