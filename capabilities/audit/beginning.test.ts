// What is kept from before something is done until its record is stored.
import { createMemoryStore } from '@hansa/store-memory';
import type { AuditEntry, KeyValueStore } from '@hansa/foundation';
import { expect, onTestFinished, test } from 'vitest';
import {
  createMovedClock,
  entryOf,
  openAudit,
  type AuditBench,
} from '../../testkit/audit-bench.ts';
import { failingStore } from '../../testkit/failing-store.ts';
import type { AuditRow } from './contract.ts';

async function open(options: { readonly store: KeyValueStore }): Promise<AuditBench> {
  const bench = await openAudit(1, 'lubeck', options);
  onTestFinished(() => bench.close());
  return bench;
}

async function rows(bench: AuditBench): Promise<readonly AuditRow[]> {
  return (await bench.audit.list({})).records;
}

function begun(bench: AuditBench, given: Partial<AuditEntry> = {}): Promise<string> | undefined {
  return bench.sink.begin(entryOf(given));
}

test('lets not even the first thing be done that it cannot keep', async () => {
  const failing = failingStore();
  const bench = await open({ store: failing.store });
  failing.refuse = true;
  await expect(begun(bench)).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
  await expect(
    begun(bench, { contract: 'tokens', method: 'issueOwn', permission: 'self' }),
  ).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
  expect(begun(bench, { contract: 'apps', method: 'call', permission: 'apps.write' })).toBe(
    undefined,
  );
});

test('what was begun has a record after a crash, and one alone where it ended', async () => {
  const store = createMemoryStore({ clock: createMovedClock() });
  const before = await open({ store });
  await begun(before, { target: 'kv/crashed' });
  const id = await begun(before, { target: 'kv/done' });
  await before.sink.request(entryOf({ target: 'kv/done', begun: id }));
  const refused = await begun(before, { target: 'kv/refused' });
  await before.sink.request(
    entryOf({ target: 'kv/refused', begun: refused, outcome: 'GRANT_WIDENED' }),
  );
  await before.close();
  const ends = async (bench: AuditBench) =>
    (await rows(bench)).map(({ target, outcome }) => [target, outcome]);
  const expected = [
    ['kv/crashed', 'INTERRUPTED'],
    ['kv/refused', 'GRANT_WIDENED'],
    ['kv/done', 'OK'],
  ];
  for (const restart of ['first', 'second']) {
    const after = await open({ store });
    await expect
      .poll(async () => [restart, ...(await ends(after))])
      .toEqual([restart, ...expected]);
    await after.close();
  }
});

test('what the disk could not take afterwards is known to have been begun', async () => {
  const failing = failingStore();
  const bench = await open({ store: failing.store });
  const id = await begun(bench, { target: 'kv/last' });
  failing.refuse = true;
  await bench.sink.request(entryOf({ target: 'kv/last', begun: id }));
  await bench.close();
  failing.refuse = false;
  const after = await open({ store: failing.store });
  await expect
    .poll(() => rows(after))
    .toMatchObject([
      { target: 'kv/last', outcome: 'INTERRUPTED', act: 'links.invite', principal: 'owner' },
    ]);
});

test('a row that was left behind its record makes no second one', async () => {
  const failing = failingStore();
  const bench = await open({ store: failing.store });
  const id = await begun(bench, { target: 'kv/done' });
  const begunRows = (await failing.store.scan({ prefix: new Uint8Array() })).entries.filter(
    isBegun,
  );
  expect(begunRows).toHaveLength(1);
  await bench.sink.request(entryOf({ target: 'kv/done', begun: id }));
  await bench.close();
  // As a crash leaves it: the record is stored, its row is still there.
  await failing.store.batchWrite(begunRows.map(({ key, value }) => ({ put: { key, value } })));
  const after = await open({ store: failing.store });
  await after.sink.request(entryOf({ target: 'kv/next' }));
  expect((await rows(after)).map(({ target, outcome }) => [target, outcome])).toEqual([
    ['kv/next', 'OK'],
    ['kv/done', 'OK'],
  ]);
});

function isBegun({ key }: { readonly key: Uint8Array }): boolean {
  return Buffer.from(key).toString('latin1').includes('begun');
}
