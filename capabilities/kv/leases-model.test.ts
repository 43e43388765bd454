// Leases in any order of what can happen to them, against a model that knows when each ends: a key
// is there while its lease lives, and gone when it is over, whatever restarts in between.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { isHansaError, scopeStore, silentLog } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench, type ResourceBench } from '../../testkit/resource-bench.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import type { Kv } from './contract.ts';
import { createKv } from './service.ts';

const codec = createMsgpackCodec();
const space = 'config';
const lateMs = 1_000; // the store gathers ends for so long

type Act =
  | { readonly is: 'grant'; readonly ttlSeconds: number }
  | { readonly is: 'put'; readonly key: string; readonly nth: number | undefined }
  | { readonly is: 'delete'; readonly key: string }
  | { readonly is: 'keep' | 'revoke'; readonly nth: number }
  | { readonly is: 'pass' | 'restart'; readonly ms: number };

const key = fc.constantFrom('a', 'b', 'c', 'd');
const nth = fc.nat(3);
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ is: fc.constant('grant' as const), ttlSeconds: fc.integer({ min: 5, max: 9 }) }),
  fc.record({
    is: fc.constant('put' as const),
    key,
    nth: fc.option(nth, { nil: undefined, freq: 4 }),
  }),
  fc.record({ is: fc.constant('delete' as const), key }),
  fc.record({ is: fc.constantFrom('keep' as const, 'revoke' as const), nth }),
  fc.record({
    is: fc.constantFrom('pass' as const, 'pass' as const, 'restart' as const),
    ms: fc.integer({ min: 1, max: 5_000 }),
  }),
);

interface Lease {
  readonly id: string;
  readonly ttlMs: number;
  endsMs: number;
}

class Run {
  readonly #bench: ResourceBench = createResourceBench();
  readonly #leases: Lease[] = [];
  /** What each key that was written is under. */
  readonly #keys = new Map<string, Lease | undefined>();
  #starts = 0;
  #kv: Kv | undefined;
  #stop = new AbortController();
  #duty: Promise<unknown> = Promise.resolve();

  get kv(): Kv {
    if (this.#kv === undefined) {
      throw new Error('nothing has started');
    }
    return this.#kv;
  }

  async start(): Promise<void> {
    this.#starts += 1;
    const { clock, signer, store } = this.#bench;
    const { kv, keepEnding } = createKv({
      codec,
      clock,
      signer,
      resources: await this.#bench.open(),
      mirrors: noMirrors,
      lanes: noLanes,
      log: silentLog,
      store: scopeStore(store, 'kv'),
      random: createSeededRandom(this.#starts),
    });
    this.#kv = kv;
    this.#stop = new AbortController();
    this.#duty = keepEnding(this.#stop.signal).catch(() => undefined);
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#duty;
  }

  async act(given: Act): Promise<void> {
    switch (given.is) {
      case 'grant':
        return this.#grant(given.ttlSeconds);
      case 'put':
        return this.#put(given.key, given.nth === undefined ? undefined : this.#leases[given.nth]);
      case 'delete':
        await this.kv.delete({ space, key: given.key });
        this.#keys.delete(given.key);
        return undefined;
      case 'keep':
      case 'revoke':
        return this.#touch(given.is, this.#leases[given.nth]);
      case 'pass':
        this.#bench.clock.advance(given.ms);
        return undefined;
      default:
        await this.end();
        this.#bench.clock.advance(given.ms); // the store counts on while nobody looks
        return this.start();
    }
  }

  async #grant(ttlSeconds: number): Promise<void> {
    const { lease: id } = await this.kv.grantLease({ space, ttlSeconds });
    const ttlMs = ttlSeconds * 1_000;
    this.#leases.push({ id, ttlMs, endsMs: this.#now() + ttlMs });
  }

  async #put(name: string, lease: Lease | undefined): Promise<void> {
    const input = { space, key: name, text: '', ...(lease && { lease: lease.id }) };
    const done = await whileLiving(this.kv.put(input));
    // In the moment of its end, either may be.
    if (lease !== undefined && this.#now() < lease.endsMs) {
      expect(done).toBe(true);
    } else if (lease !== undefined && this.#now() >= lease.endsMs + lateMs) {
      await this.settle();
      expect(await whileLiving(this.kv.put(input))).toBe(false);
      return;
    }
    if (done) {
      this.#keys.set(name, lease);
    }
  }

  async #touch(is: 'keep' | 'revoke', lease: Lease | undefined): Promise<void> {
    if (lease === undefined) {
      return;
    }
    const given = { space, lease: lease.id };
    const done = await whileLiving(
      is === 'keep' ? this.kv.keepLease(given) : this.kv.revokeLease(given),
    );
    const lives = this.#now() < lease.endsMs;
    if (is === 'keep') {
      expect(done).toBe(lives);
      lease.endsMs = lives ? this.#now() + lease.ttlMs : lease.endsMs;
    } else {
      expect(done || !lives).toBe(true);
      lease.endsMs = Math.min(lease.endsMs, this.#now() - lateMs);
    }
  }

  /** Holds what is there against what has to be, as soon as what has ended is dealt with. */
  async settle(): Promise<void> {
    const nowMs = this.#now();
    const all = [...this.#keys];
    const must = all.filter(([, lease]) => lease === undefined || nowMs < lease.endsMs);
    const mayNot = all.filter(([, lease]) => lease !== undefined && nowMs >= lease.endsMs + lateMs);
    const there = async (): Promise<readonly string[]> =>
      (await this.kv.list({ space })).entries.map((entry) => entry.key);
    await expect
      .poll(async () => {
        const found = await there();
        return mayNot.filter(([name]) => found.includes(name)).map(([name]) => name);
      })
      .toEqual([]);
    expect(await there()).toEqual(expect.arrayContaining(must.map(([name]) => name)));
    mayNot.forEach(([name]) => this.#keys.delete(name));
  }

  #now(): number {
    return this.#bench.clock.now();
  }
}

/** False where the lease has ended. */
async function whileLiving(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isHansaError(error, 'LEASE_NOT_FOUND')) {
      return false;
    }
    throw error;
  }
}

test('a key is there as long as its lease, whatever happens to either', async () => {
  const property = fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
    const run = new Run();
    await run.start();
    try {
      await run.kv.create({ name: space });
      for (const each of [{ is: 'grant', ttlSeconds: 5 } as const, ...acts]) {
        await run.act(each);
        await run.settle();
      }
    } finally {
      await run.end();
    }
  });
  await fc.assert(property, { numRuns: 200 });
}, 120_000);
