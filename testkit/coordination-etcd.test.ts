// Coordination on a real etcd, through two stores as two nodes have them: what the property tests
// say of a hand clock, said of real time.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { isHansaError, scopeStore, utf8, type KeyValueStore } from '@hansa/foundation';
import { openEtcd } from '@hansa/store-etcd';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBarriers } from '../capabilities/barriers/service.ts';
import { createNumberServices } from '../capabilities/counters/service.ts';
import { createLocksService } from '../capabilities/locks/service.ts';
import { createQueues } from '../capabilities/queues/service.ts';
import { createServices } from '../capabilities/services/service.ts';
import {
  checkLockHistory,
  checkPermitHistory,
  checkQueueHistory,
  checkSequenceHistory,
  type LockHold,
  type QueuePush,
  type QueueServing,
  type SequenceGift,
} from './coordination-model.ts';
import { startEtcd, type EtcdCluster } from './etcd-server.ts';
import { requires } from './needs.ts';

const callers = 6;
const turnsEach = 4;
const clock = createSystemClock();
const codec = createMsgpackCodec();

describe.skipIf(!requires('etcd').available)('with etcd', () => {
  let etcd: EtcdCluster;
  const stores: KeyValueStore[] = [];
  beforeAll(async () => {
    etcd = await startEtcd();
    const { endpoints } = etcd;
    const times = { attemptMs: 10_000, callMs: 30_000 };
    for (let node = 0; node < 2; node += 1) {
      const { store } = await openEtcd({ endpoints, prefix: utf8('c/'), times, clock });
      stores.push(store);
    }
  }, 60_000);
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await etcd.end();
  });

  /** What each of two nodes has, by the index of a caller. */
  const onBoth = <S>(make: (needs: Needs) => S): ((index: number) => S) => {
    const made = stores.map((store) =>
      make({ store: scopeStore(store, 'coordination'), codec, clock }),
    );
    return (index) => made[index % made.length] ?? expect.fail('there are two nodes');
  };
  const everyCaller = (act: (index: number, turn: number) => Promise<void>): Promise<unknown> =>
    Promise.all(
      Array.from({ length: callers }, async (_, index) => {
        for (let turn = 0; turn < turnsEach; turn += 1) {
          await act(index, turn);
        }
      }),
    );

  test('there are never two holders of a set, and tokens only rise', async () => {
    const at = onBoth((needs) => createLocksService(needs).locks);
    const history: LockHold[] = [];
    await everyCaller(async (index, turn) => {
      const locks = at(index);
      const holder = `h${index}/${turn}`;
      const shared = (index + turn) % 3 === 0;
      const names = turn % 2 === 0 ? ['a'] : ['b', 'a'];
      const askedMs = clock.monotonicMs();
      const hold = await locks.acquire({ names, holder, shared, waitMs: 60_000 });
      const grantedMs = clock.monotonicMs();
      await locks.renew({ locks: hold.locks });
      const endedMs = clock.monotonicMs();
      await locks.release({ locks: hold.locks });
      for (const { name, token } of hold.locks) {
        history.push({ name, holder, token, shared, askedMs, grantedMs, endedMs });
      }
    });
    expect(checkLockHistory(history)).toEqual([]);
  }, 120_000);

  test('a holder that vanishes is followed by the next after its time, with a larger token', async () => {
    const at = onBoth((needs) => createLocksService(needs).locks);
    const asked = { names: ['v'], ttlSeconds: 5, waitMs: 60_000 };
    const askedMs = clock.monotonicMs();
    const first = await at(0).acquire({ ...asked, holder: 'first' });
    const next = await at(1).acquire({ ...asked, holder: 'next' });
    expect(clock.monotonicMs() - askedMs).toBeGreaterThanOrEqual(5_000);
    expect(next.locks[0]?.token).toBeGreaterThan(first.locks[0]?.token ?? 0);
    await expect(at(0).renew({ locks: first.locks })).rejects.toMatchObject({
      code: 'COORDINATION_LOST',
    });
  }, 120_000);

  test('there are never more permits out than there are', async () => {
    const at = onBoth((needs) => createLocksService(needs).semaphores);
    const capacity = 2;
    const history: LockHold[] = [];
    await everyCaller(async (index, turn) => {
      const permits = 1 + ((index + turn) % capacity);
      const holder = `h${index}/${turn}`;
      const askedMs = clock.monotonicMs();
      const asked = { name: 's', holder, capacity, permits, waitMs: 60_000 };
      const { locks } = await at(index).acquire(asked);
      const token = locks[0] ?? { name: 's', token: 0 };
      const grantedMs = clock.monotonicMs();
      await at(index).renew(token);
      const endedMs = clock.monotonicMs();
      await at(index).release(token);
      history.push({ ...token, holder, permits, askedMs, grantedMs, endedMs });
    });
    expect(checkPermitHistory(history, capacity)).toEqual([]);
  }, 120_000);

  test('numbers are given once, and counts add up', async () => {
    const at = onBoth((needs) => createNumberServices(needs));
    const gifts: SequenceGift[] = [];
    await everyCaller(async (index, turn) => {
      const { sequences, counters } = at(index);
      const askedMs = clock.monotonicMs();
      const { first, last } = await sequences.next({ name: 'n', count: 1 + turn });
      gifts.push({ first, last, askedMs, answeredMs: clock.monotonicMs() });
      await counters.add({ name: 'n', by: 1, once: `${index}.${turn}` });
      await counters.add({ name: 'n', by: 1, once: `${index}.${turn}` });
    });
    expect(checkSequenceHistory(gifts)).toEqual([]);
    const { value } = await at(1).counters.show({ name: 'n' });
    expect(value).toBe(callers * turnsEach);
  }, 120_000);

  test('every item of a queue is served, one at a time, in the order of its group', async () => {
    const at = onBoth((needs) => createQueues(needs));
    const queue = 'q';
    await at(0).create({ queue });
    const pushed: QueuePush[] = [];
    const served: QueueServing[] = [];
    const acked: { sequence: number; atMs: number }[] = [];
    const total = callers * turnsEach;
    const produce = everyCaller(async (index, turn) => {
      const item = { payload: `${index}.${turn}`, ...(turn % 2 === 0 ? { group: 'g' } : {}) };
      const { sequences } = await at(index).push({ queue, items: [item] });
      pushed.push({ sequence: sequences[0] ?? 0, ...item });
    });
    const consume = Promise.all(
      [0, 1, 2].map(async (index) => {
        while (acked.length < total) {
          const consumer = `c${index}`;
          const { items } = await at(index).pull({ queue, consumer, limit: 2, waitMs: 1_000 });
          for (const { sequence, attempt, payload, group } of items) {
            const servedMs = clock.monotonicMs();
            const endedMs = clock.monotonicMs();
            served.push({ sequence, attempt, payload, group, consumer, servedMs, endedMs });
            const items1 = [{ sequence, attempt }];
            const { settled } = await at(index).ack({ queue, items: items1 });
            expect(settled).toBe(1);
            acked.push({ sequence, atMs: clock.monotonicMs() });
          }
        }
      }),
    );
    await Promise.all([produce, consume]);
    const left = {
      items: (await at(0).peek({ queue })).items.map((one) => one.sequence),
      dead: [],
    };
    expect(checkQueueHistory({ pushed, served, acked, left, attemptsMax: 3 })).toEqual([]);
    expect(served).toHaveLength(total);
  }, 120_000);

  test('parties meet across nodes, and instances of one are found by the other', async () => {
    const barriers = onBoth((needs) => createBarriers(needs));
    const parties = 4;
    const meet = async (index: number): Promise<number> => {
      const participant = `p${index}`;
      const asked = { barrier: 'b', parties, participant, waitMs: 60_000 };
      const { generation } = await barriers(index).enter(asked);
      await barriers(index).leave({ barrier: 'b', participant, waitMs: 60_000 });
      return generation;
    };
    const generations = await Promise.all(Array.from({ length: parties }, (_, at) => meet(at)));
    expect(new Set(generations).size).toBe(1);
    const services = onBoth((needs) => createServices(needs));
    const key = { service: 's', instance: 'x' };
    const { token } = await services(0).register({ ...key, address: 'h' });
    await expect(services(1).discover({ service: 's' })).resolves.toMatchObject({
      instances: [{ instance: 'x', token }],
    });
    await services(1).register({ ...key, address: 'h2' });
    const lost = await services(0)
      .heartbeat({ ...key, token })
      .catch((error: unknown) => error);
    expect(isHansaError(lost, 'COORDINATION_LOST')).toBe(true);
  }, 120_000);
});

interface Needs {
  readonly store: KeyValueStore;
  readonly codec: ReturnType<typeof createMsgpackCodec>;
  readonly clock: ReturnType<typeof createSystemClock>;
}
