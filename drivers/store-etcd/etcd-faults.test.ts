import { setTimeout as sleep } from 'node:timers/promises';
import {
  isHansaError,
  utf8,
  type KeyValueStore,
  type Random,
  type Revision,
} from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEtcd, type EtcdCluster, type EtcdMember } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { k, nextChange, nextOf, put, refusal, showEvent } from '../../testkit/store-fixture.ts';
import { openEtcdStore, type EtcdStoreNeeds } from './etcd-store.ts';

const clock = createSystemClock();
const writers = 16;
// A machine that tests on all cores may need a second for what takes milliseconds: whoever waits
// for a fault goes on at once all the same, and whoever does not is patient.
const hurried = { callMs: 45_000 };
const patient = { attemptMs: 15_000, callMs: 45_000 };

/** Begins with the first address that it is given. */
const firstMember: Random = { ...createSystemRandom(), fraction: () => 0 };

describe.skipIf(!requires('etcd').available)('three members of etcd', () => {
  let etcd: EtcdCluster;
  let stores = 0;
  beforeAll(async () => {
    etcd = await startEtcd({ members: 3 });
  });
  afterAll(() => etcd.end());
  afterEach(async () => {
    etcd.members.forEach((member) => member.resume());
    await Promise.all(etcd.members.map((member) => member.start()));
  });

  const open = async (
    prefix: string,
    members: readonly EtcdMember[] = etcd.members,
    times: EtcdStoreNeeds['times'] = hurried,
  ): Promise<KeyValueStore> => {
    const endpoints = members.map(({ endpoint }) => endpoint);
    const store = await openEtcdStore({
      endpoints,
      prefix: utf8(prefix),
      clock,
      random: firstMember,
      times,
    });
    onTestFinished(() => store.close());
    return store;
  };
  const fresh = (): string => {
    stores += 1;
    return `faults${stores}/`;
  };
  const followersFirst = async (): Promise<EtcdMember[]> => {
    const leader = await etcd.leader();
    return [...etcd.members.filter((member) => member !== leader), leader];
  };

  test('no acknowledged write is lost with the leader, and what is marked is done once', async () => {
    const leader = await etcd.leader();
    const others = etcd.members.filter((member) => member !== leader);
    // All talk to the leader: the worst case.
    const store = await open(fresh(), [leader, ...others]);
    const written = new Written(store);
    const load = Array.from({ length: writers }, (_, i) => written.keepWriting(i));
    await written.acknowledge(500);
    await leader.kill();
    await written.acknowledge(1_000);
    written.stop();
    await Promise.all(load);
    await leader.start();
    await written.check();
    expect(written.longestGapMs).toBeLessThan(10_000);
  });

  test.each(['a follower', 'the leader'])(
    'a watch goes on elsewhere, gapless and without repetition, where %s hangs',
    async (which) => {
      const members = await followersFirst();
      const hung = there(which === 'the leader' ? members.at(-1) : members[0]);
      const rest = members.filter((member) => member !== hung);
      const prefix = fresh();
      const watcher = await open(prefix, [hung, ...rest]);
      const writer = await open(prefix, rest);
      const control = new AbortController();
      onTestFinished(() => control.abort());
      const watch = watcher
        .watch({ prefix: k('') }, { signal: control.signal })
        [Symbol.asyncIterator]();
      await nextOf(watch);
      const expected: string[] = [];
      const write = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i += 1) {
          const name = `k${expected.length}`;
          // Marked: whatever the election does to it, it is done, and once.
          await writer.transact({ if: [], then: [put(name, '1')] }, { idempotencyKey: name });
          expected.push(`${name}=1`);
        }
      };
      await write(20);
      hung.hang();
      await write(200);
      const seen: string[] = [];
      while (seen.length < expected.length) {
        seen.push(...(await nextChange(watch)).events.map(showEvent));
      }
      expect(seen).toEqual(expected);
    },
  );

  test('a live watch does not notice a compaction', async () => {
    const store = await open(fresh(), etcd.members, patient);
    const control = new AbortController();
    onTestFinished(() => control.abort());
    const watch = store.watch({ prefix: k('') }, { signal: control.signal });
    const iterator = watch[Symbol.asyncIterator]();
    await nextOf(iterator);
    const revisions: Revision[] = [];
    for (let i = 0; i < 100; i += 1) {
      revisions.push((await store.set(k('a'), k(String(i)))).revision);
      if (i % 10 === 9) {
        await store.compact(revisions.at(-1) ?? 0);
      }
    }
    const seen: Revision[] = [];
    while (seen.length < revisions.length) {
      seen.push((await nextChange(iterator)).revision);
    }
    expect(seen).toEqual(revisions);
  });

  test('a watch that was away while history was compacted says so', async () => {
    const [away, ...rest] = await followersFirst();
    const prefix = fresh();
    const watcher = await open(prefix, [there(away)]);
    const writer = await open(prefix, rest, patient);
    const control = new AbortController();
    onTestFinished(() => control.abort());
    const watch = watcher.watch({ prefix: k('') }, { signal: control.signal });
    const iterator = watch[Symbol.asyncIterator]();
    await nextOf(iterator);
    await there(away).kill();
    let last = 0;
    for (let i = 0; i < 10; i += 1) {
      last = (await writer.set(k('a'), k(String(i)))).revision;
    }
    await writer.compact(last);
    const refused = refusal(
      (async () => {
        for (;;) {
          await iterator.next();
        }
      })(),
      'STORE_COMPACTED',
    );
    await there(away).start();
    expect((await refused).facts).toMatchObject({ compactRevision: last });
  });

  test('without a majority, reads and writes fail in time, and go on when it is back', async () => {
    const members = await followersFirst();
    const [first, second] = [there(members[0]), there(members[1])];
    const store = await openEtcdStore({
      endpoints: members.map(({ endpoint }) => endpoint),
      prefix: utf8(fresh()),
      clock,
      times: { callMs: 5_000 },
    });
    onTestFinished(() => store.close());
    await store.set(k('a'), k('1'));
    await Promise.all([first.kill(), second.kill()]);
    await refusal(store.get(k('a')), 'STORE_UNAVAILABLE');
    const failed = await store.set(k('a'), k('2')).catch((error: unknown) => error);
    expect(
      isHansaError(failed, 'STORE_UNAVAILABLE') || isHansaError(failed, 'STORE_UNKNOWN_OUTCOME'),
    ).toBe(true);
    await Promise.all([first.start(), second.start()]);
    const goesOn = async (): Promise<string> => {
      const done = await store.set(k('b'), k('1')).then(
        () => 'written',
        (error: unknown) => String(error),
      );
      return done;
    };
    await expect.poll(goesOn, { timeout: 30_000 }).toBe('written');
  });
});

function there<T>(one: T | undefined): T {
  if (one === undefined) {
    throw new Error('there is no such member');
  }
  return one;
}

/** Writers that never stop, and what they were told. */
class Written {
  readonly #store: KeyValueStore;
  readonly #plain = new Set<string>();
  readonly #marked = new Set<string>();
  #acknowledged = 0;
  #lastMs = performance.now();
  #isStopped = false;
  longestGapMs = 0;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async keepWriting(writer: number): Promise<void> {
    for (let i = 0; !this.#isStopped; i += 1) {
      const name = `w${writer}/${i}`;
      try {
        if (i % 2 === 0) {
          await this.#store.set(k(name), k('1'));
          this.#plain.add(name);
        } else {
          const once = { if: [], then: [put(name, '1')] };
          await this.#store.transact(once, { idempotencyKey: name });
          this.#marked.add(name);
        }
        this.#note();
      } catch (error) {
        // Told to nobody that it is there, so it may be there or not.
        expect(
          isHansaError(error, 'STORE_UNKNOWN_OUTCOME') || isHansaError(error, 'STORE_UNAVAILABLE'),
        ).toBe(true);
      }
    }
  }

  #note(): void {
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#acknowledged += 1;
  }

  /** Resolves when so many more were acknowledged. */
  async acknowledge(more: number): Promise<void> {
    const goal = this.#acknowledged + more;
    while (this.#acknowledged < goal) {
      await sleep(5);
    }
  }

  async check(): Promise<void> {
    for (const [names, once] of [
      [[...this.#plain], false],
      [[...this.#marked], true],
    ] as const) {
      for (let at = 0; at < names.length; at += 100) {
        const { entries } = await this.#store.batchRead(names.slice(at, at + 100).map(k));
        expect(entries.every((entry) => entry !== null)).toBe(true);
        expect(!once || entries.every((entry) => entry?.version === 1)).toBe(true);
      }
    }
    expect(this.#marked.size).toBeGreaterThan(100);
  }
}
