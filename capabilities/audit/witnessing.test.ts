// Two clusters that show each other their audits: what is signed on both sides, and that a past
// that changes is refused, remembered and told on both.
import { createMemoryStore } from '@hansa/store-memory';
import { isHansaError, remote, scopeStore, type KeyValueStore } from '@hansa/foundation';
import { afterEach, expect, test } from 'vitest';
import {
  auditCrypto as crypto,
  chainOf,
  createMovedClock,
  entryOf,
  headOf,
  linkAudits,
  openAudit,
  recordAt,
  type AuditBench,
} from '../../testkit/audit-bench.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { AuditHead, AuditPeerStatus, AuditReport } from './contract.ts';
import type { AuditRecord } from './record.ts';
import { auditPeerContract, type AuditPeer } from './wire.ts';

const benches: AuditBench[] = [];

async function open(byte: number, name: string, store?: KeyValueStore): Promise<AuditBench> {
  const bench = await openAudit(byte, name, store === undefined ? {} : { store });
  benches.push(bench);
  return bench;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

async function peerOf(bench: AuditBench): Promise<AuditPeerStatus | undefined> {
  return (await bench.audit.status({})).peers[0];
}

async function verify({ audit }: AuditBench): Promise<AuditReport> {
  const last = (await collect(audit.verify({}))).at(-1);
  if (last?.type !== 'report') {
    throw new Error('there was no report');
  }
  return last.report;
}

async function untilSigned(bench: AuditBench, sequence: number): Promise<void> {
  await expect.poll(async () => (await peerOf(bench))?.ours, { timeout: 5_000 }).toBe(sequence);
}

test('heads are countersigned in both directions, again when they have changed', async () => {
  const [lubeck, bergen] = [await open(1, 'lubeck'), await open(7, 'bergen')];
  await lubeck.sink.request(entryOf());
  await bergen.sink.request(entryOf());
  linkAudits(lubeck, bergen);
  [lubeck, bergen].forEach((bench) => bench.run());
  await untilSigned(lubeck, 1);
  await untilSigned(bergen, 1);
  await lubeck.sink.request(entryOf());
  await untilSigned(lubeck, 2);
  expect(await peerOf(bergen)).toMatchObject({ name: 'lubeck', theirs: 2, forked: false });
  const report = await verify(lubeck);
  expect(report.verified).toBe(true);
  expect(report.witnesses.at(-1)).toEqual({ name: 'bergen', sequence: 2 });
});

test('an owner that was restored from an older copy hears of it, and so does its peer', async () => {
  const clock = createMovedClock();
  const [kept, old] = [createMemoryStore({ clock }), createMemoryStore({ clock })];
  const bergen = await open(7, 'bergen');
  const first = await openAudit(1, 'lubeck', { store: kept });
  const backup = await openAudit(1, 'lubeck', { store: old });
  await first.sink.request(entryOf());
  await first.sink.request(entryOf({ target: 'git/stolen' }));
  await first.sink.request(entryOf());
  await backup.sink.request(entryOf());
  linkAudits(first, bergen);
  first.run();
  await untilSigned(first, 3);
  await first.close();
  await backup.close();

  const restored = await open(1, 'lubeck', old);
  linkAudits(restored, bergen);
  restored.run();
  await expect.poll(() => restored.warnings()[0]?.code, { timeout: 5_000 }).toBe('AUDIT_FORKED');
  expect(restored.warnings()[0]?.message).toContain('bergen has countersigned record 3');
  await expect.poll(() => bergen.warnings()[0]?.code, { timeout: 5_000 }).toBe('AUDIT_FORKED');
  expect(bergen.warnings()[0]?.message).toMatch(/3 records .* later one with 1/);
  expect(await peerOf(bergen)).toMatchObject({ forked: true, theirs: 3 });
  const { problems } = await verify(restored);
  expect(problems[0]?.sentence).toMatch(/records 2 to 3 .* bergen countersigned 3/);

  // It has grown past the place meanwhile: that changes nothing.
  for (let at = 0; at < 5; at += 1) {
    await restored.sink.request(entryOf());
  }
  expect((await verify(restored)).problems[0]).toMatchObject({
    what: 'countersignature',
    sequence: 3,
  });

  // People have explained it: both begin anew from what is there.
  await bergen.audit.accept({ peer: 'lubeck' });
  await restored.audit.accept({ peer: 'bergen' });
  await restored.sink.request(entryOf());
  await untilSigned(restored, 7);
  expect([...bergen.warnings(), ...restored.warnings()]).toEqual([]);
  await expect(verify(restored)).resolves.toMatchObject({ verified: true });
});

const cluster = clusterOf(crypto, 1);
const records = chainOf(cluster, 5);
const at = (sequence: number): AuditRecord => recordAt(records, sequence);

async function peerAt(bergen: AuditBench): Promise<AuditPeer> {
  const lubeck = await open(1, 'lubeck');
  linkAudits(lubeck, bergen);
  return remote(auditPeerContract, bergen.carrierFor(cluster, 1));
}

async function refusal(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'OK',
    (error: unknown) => (isHansaError(error) ? error.code : 'INTERNAL'),
  );
}

test('a head is signed where it goes on from what was signed before, and not otherwise', async () => {
  const bergen = await open(7, 'bergen');
  const peer = await peerAt(bergen);
  const show = (head: AuditHead): Promise<string> => refusal(peer.show({ head }));
  const second = headOf({ byte: 1, record: at(2) });
  expect(await peer.last({})).toEqual({});
  expect(await show({ ...second, sequence: 3 })).toBe('AUDIT_INVALID');
  expect(await show(headOf({ byte: 9, record: at(2) }))).toBe('AUDIT_INVALID');
  const early = { ...at(2), atMs: bergen.clock.now() + 120_000 };
  expect(await show(headOf({ byte: 1, record: early }))).toBe('CLOCK_AHEAD');
  expect(await show(second)).toBe('OK');
  expect(await show(second)).toBe('OK');
  expect(await show(headOf({ byte: 1, record: at(4) }))).toBe('CONFLICT');
  expect(await show(headOf({ byte: 1, record: at(1) }))).toBe('CONFLICT');
  expect(await show(headOf({ byte: 1, record: at(4), prior: at(2) }))).toBe('OK');
  const { countersignature } = await peer.last({});
  expect(countersignature).toMatchObject({ witness: bergen.cluster, head: { sequence: 4 } });
});

test.each([
  ['another record at the same place', { ...at(2), hash: 'ab'.repeat(32) }, undefined],
  ['an end before what was signed, said later', { ...at(1), atMs: at(5).atMs }, undefined],
  ['another past under a longer chain', at(4), { ...at(2), hash: 'cd'.repeat(32) }],
])('%s is AUDIT_FORKED, for good', async (_what, record, prior) => {
  const bergen = await open(7, 'bergen');
  const peer = await peerAt(bergen);
  await peer.show({ head: headOf({ byte: 1, record: at(2) }) });
  const forged = headOf({ byte: 1, record, ...(prior === undefined ? {} : { prior }) });
  expect(await refusal(peer.show({ head: forged }))).toBe('AUDIT_FORKED');
  const honest = headOf({ byte: 1, record: at(4), prior: at(2) });
  expect(await refusal(peer.show({ head: honest }))).toBe('AUDIT_FORKED');
  expect(bergen.warnings()).toMatchObject([{ code: 'AUDIT_FORKED' }]);
  const rows = await collect(rowsOf(bergen.store));
  expect(rows).toHaveLength(1);
});

test('a stranger is neither told nor signed anything', async () => {
  const bergen = await open(7, 'bergen');
  const peer = remote(auditPeerContract, bergen.carrierFor(cluster, 1));
  expect(await refusal(peer.last({}))).toBe('LINK_NOT_FOUND');
  const head = headOf({ byte: 1, record: at(1) });
  expect(await refusal(peer.show({ head }))).toBe('LINK_NOT_FOUND');
});

/** One row for a peer, whatever it shows. */
async function* rowsOf(store: KeyValueStore): AsyncIterable<unknown> {
  const { auditTables } = await import('./keys.ts');
  const { createMsgpackCodec } = await import('@hansa/codec-msgpack');
  yield* auditTables(scopeStore(store, 'audit'), createMsgpackCodec()).witnessed.rows();
}
