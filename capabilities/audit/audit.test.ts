// The audit of one cluster: what is kept and when, what is counted, what is found in a store that
// was changed, and what makes room.
import type { AuditEntry } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, describe, expect, test } from 'vitest';
import {
  auditCodec as codec,
  createMovedClock,
  entryOf,
  openAudit,
  type AuditBench,
  type AuditBenchOptions,
} from '../../testkit/audit-bench.ts';
import { failingStore } from '../../testkit/failing-store.ts';
import { collect, settled } from '../../testkit/test-cluster.ts';
import { auditId, auditKeptMs, type AuditReport, type AuditRow } from './contract.ts';
import { countedRowsMax, refusalsPerMinuteMax, refusalsPerSourceMax } from './counting.ts';
import { recordKey } from './keys.ts';
import { auditFactsMax, auditTextMax } from './record.ts';
import { auditWaitingMax, recordsPerChangeMax } from './writing.ts';

const benches: AuditBench[] = [];

async function open(options: AuditBenchOptions = {}): Promise<AuditBench> {
  const bench = await openAudit(1, 'lubeck', options);
  benches.push(bench);
  return bench;
}

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

async function rows(bench: AuditBench, limit = 1_000): Promise<readonly AuditRow[]> {
  return (await bench.audit.list({ limit })).records;
}

async function verify({ audit }: AuditBench): Promise<AuditReport> {
  const said = await collect(audit.verify({}));
  const last = said.at(-1);
  if (last?.type !== 'report') {
    throw new Error('there was no report');
  }
  return last.report;
}

function begun(bench: AuditBench, given: Partial<AuditEntry> = {}): Promise<string> | undefined {
  return bench.sink.begin(entryOf(given));
}

describe('what is kept', () => {
  test('an administrative write, a login and a refusal are stored before they resolve', async () => {
    const bench = await open();
    await bench.sink.request(entryOf({ target: 'git/hansa' }));
    await bench.sink.request(
      entryOf({ contract: 'logins', method: 'login', permission: 'open', outcome: 'OK' }),
    );
    await bench.sink.request(
      entryOf({ contract: 'kv', method: 'get', permission: 'kv.read', outcome: 'FORBIDDEN' }),
      { policies: 'role:viewer' },
    );
    const found = await rows(bench);
    expect(found.map(({ act, outcome }) => [act, outcome])).toEqual([
      ['kv.get', 'FORBIDDEN'],
      ['logins.login', 'OK'],
      ['links.invite', 'OK'],
    ]);
    expect(found[0]).toMatchObject({ facts: { policies: 'role:viewer' }, clusterName: 'lubeck' });
    expect(found[2]).toMatchObject({ target: 'git/hansa', principal: 'owner', count: 1 });
    expect(bench.log.find(auditId)).toMatchObject({ kind: 'audit', name: 'log' });
    await expect(verify(bench)).resolves.toMatchObject({ verified: true, records: 3 });
  });

  test('a token that somebody makes for themselves, or takes back, is a record of its own', async () => {
    const bench = await open();
    for (const method of ['issueOwn', 'revokeOwn', 'own']) {
      await bench.sink.request(entryOf({ contract: 'tokens', method, permission: 'self' }));
    }
    const found = await rows(bench);
    expect(found.map(({ act }) => act)).toEqual(['tokens.revokeOwn', 'tokens.issueOwn']);
  });

  test('whoever comes is named, with what they came with by its id', async () => {
    const bench = await open();
    const cluster = 'ab'.repeat(32);
    const token = { kind: 'token', holder: 'bearer', subject: 's', scopes: [], expiresMs: 1 };
    const callers = [
      { kind: 'principal', principal: 'user:anna', proof: 'session:4', expiresMs: 1 },
      { ...token, chain: ['t1', 't0'] },
      { ...token, chain: ['t2'], principal: 'service:ci' },
      { kind: 'cluster', cluster, node: cluster },
      { kind: 'anonymous' },
    ];
    for (const caller of callers) {
      await bench.sink.request(entryOf({ caller: caller as never }));
    }
    const found = (await rows(bench)).toReversed();
    expect(found.map(({ principal, via }) => [principal, via])).toEqual([
      ['user:anna', 'session:4'],
      ['token:t1', 'token:t1'],
      ['service:ci', 'token:t2'],
      [`cluster:${cluster}`, ''],
      ['anonymous', ''],
    ]);
  });

  test('many at a time share changes, in the order in which they came', async () => {
    const bench = await open();
    const count = recordsPerChangeMax * 3;
    let changes = 0;
    bench.log.subscribe((id) => (changes += id === auditId ? 1 : 0));
    await Promise.all(
      Array.from({ length: count }, async (_, at) =>
        bench.sink.request(entryOf({ target: `a/${at}` })),
      ),
    );
    const found = (await rows(bench)).toReversed();
    expect(found.map(({ target }) => target)).toEqual(
      Array.from({ length: count }, (_, at) => `a/${at}`),
    );
    expect(changes).toBeLessThan(12);
  });

  test('it goes on where it ended, after a restart and with a clock that was set back', async () => {
    const clock = createMovedClock();
    const store = createMemoryStore({ clock });
    const first = await openAudit(1, 'lubeck', { store, clock });
    await first.sink.request(entryOf());
    await first.close();
    clock.move(-3_600_000);
    const again = await open({ store, clock });
    await again.sink.act({ act: 'certificate.renewed', principal: 'node', outcome: 'OK' });
    await again.sink.request(entryOf());
    await expect(verify(again)).resolves.toMatchObject({ verified: true, records: 3 });
  });

  test('texts and facts are cut to what a record holds, never within a character', async () => {
    const bench = await open();
    const facts = Object.fromEntries(
      Array.from({ length: auditFactsMax + 9 }, (_, at) => [`f${at}`, 0.5]),
    );
    const long = `${'x'.repeat(auditTextMax - 1)}\u{1F600}`;
    await bench.sink.act({ act: 'a.b', principal: 'node', target: long, outcome: 'OK', facts });
    const [row] = await rows(bench);
    expect(row?.target.length).toBeLessThanOrEqual(auditTextMax);
    expect(Object.keys(row?.facts ?? {})).toHaveLength(auditFactsMax);
    expect(row?.facts['f0']).toBe('0.5');
    await expect(verify(bench)).resolves.toMatchObject({ verified: true });
  });
});

describe('what is counted', () => {
  const read = entryOf({ contract: 'kv', method: 'get', permission: 'kv.read', target: 'kv/a' });

  test('reads, and writes of data, are one record with a count when the audit closes', async () => {
    const store = createMemoryStore({ clock: createMovedClock() });
    const bench = await openAudit(1, 'lubeck', { store });
    for (let at = 0; at < 50; at += 1) {
      expect(bench.sink.request(read)).toBeUndefined();
      expect(
        void bench.sink.request({ ...read, method: 'put', permission: 'kv.write' }),
      ).toBeUndefined();
    }
    expect(await rows(bench)).toEqual([]);
    await bench.close();
    const again = await open({ store });
    const found = await rows(again);
    expect(found.map(({ act, count }) => `${act} ${count}`).toSorted()).toEqual([
      'kv.get 50',
      'kv.put 50',
    ]);
  });

  test('what nobody asks about is not recorded: health, and what peers tell each other', async () => {
    const bench = await open();
    void bench.sink.request(
      entryOf({ contract: 'http', method: 'GET /health', permission: 'open' }),
    );
    void bench.sink.request(entryOf({ contract: 'link-peer', method: 'beat', permission: 'peer' }));
    void bench.sink.request(entryOf({ contract: 'logins', method: 'ways', permission: 'open' }));
    await bench.sink.request(
      entryOf({ contract: 'link-peer', method: 'redeem', permission: 'peer' }),
    );
    expect((await rows(bench)).map(({ act }) => act)).toEqual(['link-peer.redeem']);
  });

  test('a stranger’s method is not repeated', async () => {
    const bench = await open();
    const strange = { contract: 'x', method: 'secret-text', outcome: 'METHOD_UNKNOWN' };
    const { permission: _permission, ...entry } = entryOf(strange);
    void bench.sink.request(entry);
    await bench.capability.stop();
    expect(JSON.stringify(await rows(bench))).not.toContain('secret-text');
  });

  test('whoever touches everything is told of by what they did', async () => {
    const store = createMemoryStore({ clock: createMovedClock() });
    const bench = await openAudit(1, 'lubeck', { store });
    for (let at = 0; at < countedRowsMax + 500; at += 1) {
      void bench.sink.request({ ...read, target: `kv/${at}` });
    }
    await bench.close();
    const again = await open({ store });
    const [newest] = (await again.audit.list({ principal: 'many' })).records;
    expect(newest).toMatchObject({ act: 'kv.get', count: 500, target: '' });
  });

  test('a flood of refusals from one source is some records and a count', async () => {
    const store = createMemoryStore({ clock: createMovedClock() });
    const bench = await openAudit(1, 'lubeck', { store });
    const refused = entryOf({ outcome: 'UNAUTHENTICATED', source: '10.0.0.1' });
    await Promise.all(Array.from({ length: 500 }, async () => bench.sink.request(refused)));
    await bench.sink.request({ ...refused, source: '10.0.0.2' });
    await bench.close();
    const again = await open({ store });
    const found = await rows(again);
    const flood = found.filter(({ source }) => source === '10.0.0.1');
    expect(flood).toHaveLength(refusalsPerSourceMax + 1);
    expect(flood[0]).toMatchObject({ act: 'requests.refused', count: 500 - refusalsPerSourceMax });
    expect(found.some(({ source }) => source === '10.0.0.2')).toBe(true);
  });

  test('logins that fail are refusals as well, by where they come from', async () => {
    const bench = await open();
    const facts = { source: '10.0.0.9', by: 'password' };
    const login = { act: 'login.refused', principal: 'user:anna', outcome: 'LOGIN_REFUSED', facts };
    for (let at = 0; at < refusalsPerSourceMax * 2; at += 1) {
      await bench.sink.act(login);
    }
    const found = await rows(bench);
    expect(found).toHaveLength(refusalsPerSourceMax);
    expect(found[0]).toMatchObject({ source: '10.0.0.9', principal: 'user:anna' });
  });

  test('from a thousand sources it is bounded as well', async () => {
    const bench = await open();
    for (let at = 0; at < 1_000; at += 1) {
      void bench.sink.request(entryOf({ outcome: 'UNAUTHENTICATED', source: `10.0.${at}` }));
    }
    await settled(async () => (await rows(bench)).length === refusalsPerMinuteMax);
    expect(await rows(bench)).toHaveLength(refusalsPerMinuteMax);
  });
});

describe('while the store refuses', () => {
  test('nothing that must be kept is begun, reads go on, and what waited is written later', async () => {
    const failing = failingStore();
    const bench = await open({ store: failing.store });
    await bench.sink.request(entryOf({ target: 'kv/before' }));
    failing.refuse = true;
    await bench.sink.request(entryOf({ target: 'kv/meanwhile' }));
    const unavailable = expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' });
    const may = (permission: string) => (): unknown => begun(bench, { permission });
    expect(may('links.write')).toThrow(unavailable);
    for (const open of ['kv.write', 'links.read', 'audit.write', 'recovery.write', 'peer']) {
      expect(may(open)()).toBeUndefined();
    }
    expect(bench.warnings()).toMatchObject([{ code: 'AUDIT_UNAVAILABLE' }]);
    failing.refuse = false;
    await expect.poll(() => bench.warnings(), { timeout: 5_000 }).toEqual([]);
    await expect(may('links.write')()).resolves.toEqual(expect.any(String));
    const targets = (await rows(bench)).map(({ target }) => target);
    expect(targets).toEqual(['kv/meanwhile', 'kv/before']);
    await expect(verify(bench)).resolves.toMatchObject({ verified: true });
  });

  test('only so many wait; how many more there were is told afterwards', async () => {
    const failing = failingStore();
    const bench = await open({ store: failing.store });
    failing.refuse = true;
    await bench.sink.request(entryOf());
    for (let at = 0; at < auditWaitingMax + 10; at += 1) {
      void bench.sink.request(entryOf());
    }
    failing.refuse = false;
    await expect
      .poll(async () => (await bench.audit.list({ act: 'audit.lost' })).records[0]?.count, {
        timeout: 20_000,
      })
      .toBe(11);
  });
});

describe('a store that was changed behind the node’s back', () => {
  test('is found where a record says something else, is gone, or stands elsewhere', async () => {
    for (const spoil of ['change', 'delete', 'swap'] as const) {
      const bench = await open();
      for (let at = 0; at < 5; at += 1) {
        await bench.sink.request(entryOf({ target: `a/${at}` }));
      }
      const entry = await bench.log.entry(auditId, recordKey(3));
      const other = await bench.log.entry(auditId, recordKey(4));
      const record = codec.decode(entry?.value as Uint8Array) as object;
      const lie = codec.encode({ ...record, principal: 'user:nobody' });
      const value = { change: lie, delete: undefined, swap: other?.value }[spoil];
      await bench.tamper(recordKey(3), value);
      const report = await verify(bench);
      expect(report.verified).toBe(false);
      expect(report.problems[0]).toMatchObject({ sequence: 3 });
      expect(report.problems[0]?.sentence).toMatch(/record 3/);
    }
  });
});

describe('pruning', () => {
  async function filled(count: number, options: AuditBenchOptions = {}): Promise<AuditBench> {
    const bench = await open(options);
    for (let at = 0; at < count; at += 1) {
      await bench.sink.request(entryOf({ target: `a/${at}` }));
    }
    return bench;
  }

  test('leaves what is younger after a signed anchor, and is recorded', async () => {
    const bench = await filled(200);
    bench.clock.move(auditKeptMs + 1_000);
    await bench.sink.request(entryOf({ target: 'a/young' }));
    const beforeMs = bench.clock.now() - auditKeptMs;
    const plan = await bench.audit.plan({ beforeMs });
    expect(plan).toMatchObject({ records: 200, to: 200, kept: 1, young: false });
    await bench.audit.prune({ beforeMs });
    const found = await rows(bench);
    expect(found.map(({ act }) => act)).toEqual(['audit.pruned', 'links.invite']);
    expect(found[0]?.facts).toEqual({ records: 200, to: 200 });
    await expect(verify(bench)).resolves.toMatchObject({
      verified: true,
      prunedTo: 200,
      last: 202,
    });
    await expect(bench.audit.status({})).resolves.toMatchObject({ records: 2, last: 202 });
    await expect(bench.audit.plan({ beforeMs })).resolves.toMatchObject({ records: 0 });
  });

  test('says when it would take what is younger than 90 days, and never takes the last', async () => {
    const bench = await filled(3);
    const plan = await bench.audit.plan({ beforeMs: bench.clock.now() + 60_000 });
    expect(plan).toMatchObject({ records: 2, kept: 1, young: true });
  });

  test('a full audit takes nothing but what makes room, and is warned of before', async () => {
    const bench = await filled(10, { recordsMax: 10 });
    expect(bench.warnings()).toMatchObject([{ code: 'AUDIT_FULL' }]);
    await bench.sink.request(entryOf({ target: 'a/over' }));
    expect(() => begun(bench)).toThrow('takes no more');
    await bench.audit.prune({ beforeMs: bench.clock.now() + 1 });
    await begun(bench);
    await bench.sink.request(entryOf({ target: 'a/after' }));
    await expect
      .poll(async () => (await rows(bench)).map(({ act }) => act))
      .toEqual(expect.arrayContaining(['audit.pruned', 'audit.lost']));
    await expect(verify(bench)).resolves.toMatchObject({ verified: true });
  });

  test('by itself it removes only what is old, and only where there is little room', async () => {
    const bench = await filled(9, { recordsMax: 10 });
    bench.clock.move(auditKeptMs + 60_000);
    bench.run();
    await expect.poll(async () => (await bench.audit.status({})).records).toBeLessThan(4);
  });
});
