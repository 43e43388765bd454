import { HansaError, utf8, type Op, type Transaction } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { batchBytesMax, batchOpsMax, type Answered } from './batch.ts';
import { Batches, Doubt, inFlightMax } from './batching.ts';
import { footprintOf } from './footprint.ts';
import { Keyspace } from './keyspace.ts';
import type { RequestOp, ResponseOp, TxnRequest } from './messages-kv.ts';
import { txnOf } from './translation.ts';

const keys = new Keyspace(utf8(''));
const clock = createSystemClock();

interface Sent {
  readonly request: TxnRequest;
  answer(answered?: Answered): void;
  fail(error: unknown): void;
}

/** Batches whose sender is the test. */
function held(): { batches: Batches; sent: Sent[] } {
  const sent: Sent[] = [];
  const batches = new Batches({
    clock,
    send: (request) =>
      new Promise((resolve, reject) => {
        sent.push({
          request,
          answer: (answered = done(request)) => resolve(answered),
          fail: reject,
        });
      }),
  });
  return { batches, sent };
}

function done({ success }: TxnRequest): Answered {
  return { succeeded: true, responses: success.map(responseTo), revision: 7 };
}

function responseTo({ txn, put }: RequestOp): ResponseOp {
  if (txn !== undefined) {
    return { txn: { succeeded: true, responses: txn.success.map(responseTo) } };
  }
  return put === undefined ? { deleteRange: { deleted: 1 } } : { put: {} };
}

function add(
  batches: Batches,
  transaction: Transaction,
  more: { readonly bytes?: number; readonly isMarked?: boolean; readonly overMs?: number } = {},
): Promise<Answered> {
  const whole = { else: [], ...transaction };
  return new Promise((resolve, reject) => {
    batches.add({
      request: txnOf(keys, whole),
      footprint: footprintOf(whole),
      bytes: more.bytes ?? 10,
      overMs: more.overMs ?? clock.monotonicMs() + 60_000,
      isMarked: more.isMarked ?? false,
      resolve,
      reject,
    });
  });
}

const put = (key: string): Op => ({ put: { key: utf8(key), value: utf8('1') } });
const set = (key: string): Transaction => ({ if: [], then: [put(key)] });
const swap = (key: string): Transaction => ({
  if: [{ key: utf8(key), target: 'version', op: '=', operand: 0 }],
  then: [put(key)],
});

async function turn(): Promise<void> {
  await clock.sleep(0);
}

/** The calls in flight are all taken, so that whatever comes now waits for the same moment. */
async function keepBusy(batches: Batches): Promise<void> {
  for (let i = 0; i < inFlightMax; i += 1) {
    void add(batches, set(`busy${i}`));
    await turn();
  }
}

const opsOf = ({ request }: Sent): number => request.success.length;

test('a lone transaction goes at once and as it is', async () => {
  const { batches, sent } = held();
  const answer = add(batches, swap('a'));
  await turn();
  expect(sent.map(({ request }) => request.compare.length)).toEqual([1]);
  sent[0]?.answer();
  expect((await answer).revision).toBe(7);
});

test('those that wait at the same time go as one, each with its own answer', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const answers = [add(batches, set('a')), add(batches, swap('b')), add(batches, set('c'))];
  await turn();
  expect(sent).toHaveLength(inFlightMax);
  sent[0]?.answer();
  await turn();
  const batch = sent.at(-1);
  expect(batch?.request.compare).toEqual([]);
  expect(batch?.request.success.map((op) => Object.keys(op))).toEqual([['put'], ['txn'], ['put']]);
  batch?.answer();
  expect((await Promise.all(answers)).map(({ succeeded }) => succeeded)).toEqual([
    true,
    true,
    true,
  ]);
});

test('what one writes and another touches is never done in one step, nor at the same time', async () => {
  const { batches, sent } = held();
  const pairs: readonly (readonly [Transaction, Transaction])[] = [
    [set('a'), set('a')],
    [set('a'), swap('a')],
    [swap('a'), set('a')],
    [set('a/1'), { if: [], then: [{ delete: { prefix: utf8('a/') } }] }],
    [{ if: [], then: [{ delete: { prefix: utf8('a/') } }] }, set('a/1')],
    [set('a/1'), { if: [], then: [{ scan: { prefix: utf8('a') } }, put('b')] }],
    [set('a'), { if: [], then: [{ get: { key: utf8('a') } }, put('b')] }],
  ];
  for (const [one, other] of pairs) {
    sent.length = 0;
    const first = add(batches, one);
    const second = add(batches, other);
    await turn();
    expect(sent).toHaveLength(1);
    sent[0]?.answer();
    await first;
    await turn();
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    await second;
  }
});

test('who must wait for another lets nobody pass who must wait for both', async () => {
  const { batches, sent } = held();
  const order: string[] = [];
  const noted = (name: string, transaction: Transaction): Promise<unknown> =>
    add(batches, transaction).then(() => order.push(name));
  const all = [
    noted('a', set('a')),
    noted('a and b', { if: [], then: [put('a'), put('b')] }),
    noted('b', set('b')),
    noted('c', set('c')),
  ];
  await turn();
  expect(sent.map(opsOf)).toEqual([2]);
  for (let i = 0; i < sent.length; i += 1) {
    sent[i]?.answer();
    await turn();
  }
  await Promise.all(all);
  expect(order).toEqual(['a', 'c', 'a and b', 'b']);
});

test('a batch has its limits of operations and of bytes', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const many = Array.from({ length: batchOpsMax + 1 }, (_, i) => add(batches, set(`k${i}`)));
  const large = [1, 2].map((i) => add(batches, set(`l${i}`), { bytes: batchBytesMax - 10 }));
  await turn();
  for (let i = 0; i < sent.length; i += 1) {
    sent[i]?.answer();
    await turn();
  }
  await Promise.all([...many, ...large]);
  expect(sent.slice(inFlightMax).map(opsOf)).toEqual([batchOpsMax, 2, 1]);
});

test('what is deep within a batch counts as etcd counts it', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const hundred = Array.from({ length: 100 }, (_, i) => put(`deep${i}`));
  const all = [
    add(batches, { ...swap('deep'), then: hundred }),
    ...Array.from({ length: 40 }, (_, i) => add(batches, set(`k${i}`))),
  ];
  await turn();
  for (let i = 0; i < sent.length; i += 1) {
    sent[i]?.answer();
    await turn();
  }
  await Promise.all(all);
  expect(sent.slice(inFlightMax).map(opsOf)).toEqual([28, 13]);
});

test('a guard that all share is compared once, and speaks for all', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const behind = (createRevision: number, transaction: Transaction): Promise<Answered> => {
    const inner = { else: [], ...transaction };
    const key = utf8('active');
    const guard = { key, target: 'createRevision', op: '=', operand: createRevision } as const;
    const outer = txnOf(keys, { if: [guard], then: [], else: [] });
    const request = { ...outer, success: [{ txn: txnOf(keys, inner) }] };
    return new Promise((resolve, reject) => {
      const overMs = clock.monotonicMs() + 60_000;
      const footprint = footprintOf(inner);
      const job = { request, footprint, bytes: 10, overMs, isMarked: false };
      batches.add({ ...job, resolve, reject });
    });
  };
  const mine = [behind(3, set('a')), behind(3, swap('b')), behind(3, set('c'))];
  const anothers = behind(4, set('d'));
  await turn();
  sent[0]?.answer();
  sent[1]?.answer();
  await turn();
  const [batch, alone] = sent.slice(-2);
  expect(batch?.request.compare).toHaveLength(1);
  expect(batch?.request.success.map((op) => Object.keys(op))).toEqual([['put'], ['txn'], ['put']]);
  expect(alone?.request.success.map((op) => Object.keys(op))).toEqual([['put']]);
  batch?.answer();
  for (const { succeeded, responses } of await Promise.all(mine)) {
    expect(succeeded).toBe(true);
    expect(responses[0]?.txn).toMatchObject({ succeeded: true, responses: [{ put: {} }] });
  }
  alone?.answer({ succeeded: false, responses: [], revision: 8 });
  expect(await anothers).toEqual({ succeeded: false, responses: [], revision: 8 });
});

test('a batch that is refused is done again one by one, and only the bad one fails', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const names = ['a', 'bad', 'c'];
  const outcomes = Promise.allSettled(names.map((name) => add(batches, set(name))));
  await turn();
  sent[0]?.answer();
  await turn();
  const gone = new HansaError('STORE_LEASE_NOT_FOUND', 'no such lease');
  sent.at(-1)?.fail(gone);
  await turn();
  for (let i = inFlightMax + 1; i < sent.length; i += 1) {
    const [op] = sent[i]?.request.success ?? [];
    if (op?.put?.key.includes('d'.charCodeAt(0)) === true) {
      sent[i]?.fail(gone);
    } else {
      sent[i]?.answer();
    }
    sent[1]?.answer();
    await turn();
  }
  const statuses = (await outcomes).map(({ status }) => status);
  expect(statuses).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('of a batch whose outcome nobody knows, the marked are sent again and the others told', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const plain = add(batches, set('plain'));
  const marked = add(batches, set('marked'), { isMarked: true });
  await turn();
  sent[0]?.answer();
  await turn();
  sent.at(-1)?.fail(new Doubt(new HansaError('STORE_UNKNOWN_OUTCOME', 'no answer')));
  await expect(plain).rejects.toMatchObject({ code: 'STORE_UNKNOWN_OUTCOME' });
  await turn();
  sent.at(-1)?.answer();
  expect((await marked).succeeded).toBe(true);
});

test('who has waited too long is told that nothing was done', async () => {
  const { batches, sent } = held();
  await keepBusy(batches);
  const late = add(batches, set('late'), { overMs: clock.monotonicMs() - 1 });
  await expect(late).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect(sent).toHaveLength(inFlightMax);
});

test('a thousand that must wait for one another are done in the order of their calls', async () => {
  const { batches, sent } = held();
  const order: number[] = [];
  const all = Array.from({ length: 1_000 }, (_, i) =>
    add(batches, set('same')).then(() => order.push(i)),
  );
  await turn();
  for (let i = 0; i < sent.length; i += 1) {
    sent[i]?.answer();
    await turn();
  }
  await Promise.all(all);
  expect(sent).toHaveLength(1_000);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});
