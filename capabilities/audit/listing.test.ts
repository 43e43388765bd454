// The consolidated view: own records and those of mirrored audits as one list, page by page, and
// as they come.
import { federatedId, type ClusterId, type FederatedId } from '@hansa/foundation';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  auditCodec as codec,
  auditCrypto as crypto,
  entryOf,
  openAudit,
  saidAt,
  storedChain,
  type AuditBench,
} from '../../testkit/audit-bench.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import type { Mirrors } from '../sync/contract.ts';
import { auditId, auditPageMax, type AuditFilter, type AuditRow } from './contract.ts';
import { firstHash, nextRecord, type AuditRecord } from './record.ts';
import { auditRecordsMax } from './writing.ts';

const benches: AuditBench[] = [];

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.close()));
});

interface TestMirrors extends Mirrors {
  holdCopy(cluster: ClusterId, name: string, records: readonly AuditRecord[]): Promise<void>;
}

function mirrorsOf(): TestMirrors {
  const held = new Map<FederatedId, { name: string; entries: Map<string, Uint8Array> }>();
  const listeners = new Set<(resource: FederatedId) => void>();
  const shown = (resource: FederatedId, name: string): object => ({
    resource,
    owner: resource.slice(0, 64),
    ownerName: name,
    kind: 'audit',
    name: 'log',
  });
  const made = {
    ...noMirrors,
    all: () => [...held].map(([resource, { name }]) => shown(resource, name)),
    find: (resource: FederatedId) => {
      const found = held.get(resource);
      return found === undefined ? undefined : shown(resource, found.name);
    },
    view: async (resource: FederatedId) => ({
      entry: async (key: Uint8Array) => {
        const value = held.get(resource)?.entries.get(Buffer.from(key).toString('hex'));
        return value === undefined ? undefined : { key, value, version: 1, blobs: [] };
      },
    }),
    subscribe(changed: (resource: FederatedId) => void) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    async holdCopy(cluster: ClusterId, name: string, records: readonly AuditRecord[]) {
      const resource = federatedId(cluster, auditId);
      held.set(resource, { name, entries: storedChain(records) });
      listeners.forEach((listener) => listener(resource));
    },
  };
  return made as unknown as TestMirrors;
}

function chainAt(cluster: ClusterId, times: readonly number[]): AuditRecord[] {
  let before = { sequence: 0, hash: firstHash(crypto, cluster) };
  return times.map((atMs, index) => {
    const record = nextRecord(crypto, before, saidAt(index, { atMs, sinceMs: atMs }));
    before = record;
    return record;
  });
}

async function open(mirrors: Mirrors): Promise<AuditBench> {
  const bench = await openAudit(1, 'lubeck', { mirrors });
  benches.push(bench);
  return bench;
}

async function allPages(
  bench: AuditBench,
  filter: AuditFilter & { readonly limit: number },
): Promise<AuditRow[]> {
  const rows: AuditRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await bench.audit.list({ ...filter, cursor });
    rows.push(...page.records);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return rows;
}

const bergen = clusterOf(crypto, 7);
const riga = clusterOf(crypto, 3);
const placeOf = ({ cluster, sequence }: AuditRow): string => `${cluster} ${sequence}`;

describe('the consolidated view', () => {
  test('has every record once and the newest first, whatever the pages', async () => {
    const mirrors = mirrorsOf();
    const bench = await open(mirrors);
    const times = fc
      .array(fc.integer({ min: 1, max: 30 }), { maxLength: 40 })
      .map((list) => list.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(times, times, fc.integer({ min: 1, max: 9 }), async (one, other, limit) => {
        await mirrors.holdCopy(bergen, 'bergen', chainAt(bergen, one));
        await mirrors.holdCopy(riga, 'riga', chainAt(riga, other));
        const rows = await allPages(bench, { limit });
        expect(rows).toHaveLength(one.length + other.length);
        expect(new Set(rows.map(placeOf)).size).toBe(rows.length);
        const seen = rows.map(({ atMs }) => atMs);
        expect(seen).toEqual(seen.toSorted((a, b) => b - a));
        const bounded = await allPages(bench, { limit, sinceMs: 10, untilMs: 20 });
        expect(bounded).toEqual(rows.filter(({ atMs }) => atMs >= 10 && atMs <= 20));
      }),
      { numRuns: 100 },
    );
  });

  test('is narrowed by who, what, to what, with what outcome, and whose', async () => {
    const mirrors = mirrorsOf();
    const bench = await open(mirrors);
    await mirrors.holdCopy(bergen, 'bergen', chainAt(bergen, [1, 2]));
    await bench.sink.request(entryOf({ target: 'git/a', outcome: 'OK' }));
    await bench.sink.request(entryOf({ target: 'kv/b', outcome: 'FORBIDDEN' }));
    await bench.sink.act({ act: 'certificate.renewed', principal: 'node', outcome: 'OK' });
    const targets = async (filter: AuditFilter): Promise<readonly string[]> =>
      (await allPages(bench, { ...filter, limit: 1 })).map(({ act, target }) => `${act} ${target}`);
    const own = { cluster: 'own' };
    expect(await targets({ ...own, target: 'git/*' })).toEqual(['links.invite git/a']);
    expect(await targets({ ...own, target: 'git/a' })).toEqual(['links.invite git/a']);
    for (const target of ['git/', 'git', 'g*t/a', '*/a']) {
      expect(await targets({ ...own, target })).toEqual([]);
    }
    expect(await targets({ ...own, outcome: 'FORBIDDEN' })).toEqual(['links.invite kv/b']);
    expect(await targets({ act: 'certificate.*' })).toEqual(['certificate.renewed ']);
    expect(await targets({ principal: 'node' })).toEqual(['certificate.renewed ']);
    expect(await targets({ cluster: 'bergen' })).toHaveLength(2);
    expect(await targets({ cluster: bench.cluster })).toHaveLength(3);
    const none = bench.audit.list({ cluster: riga });
    await expect(none).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
    const strange = bench.audit.list({ cursor: 'x' });
    await expect(strange).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const wide = bench.audit.list({ limit: auditPageMax + 1 });
    await expect(wide).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(auditRecordsMax).toBeGreaterThan(auditPageMax);
  });

  test('goes past a record that cannot be read', async () => {
    const mirrors = mirrorsOf();
    const bench = await open(mirrors);
    for (let at = 0; at < 3; at += 1) {
      await bench.sink.request(entryOf({ target: `a/${at}` }));
    }
    const { recordKey } = await import('./keys.ts');
    await bench.tamper(recordKey(2), codec.encode({ lost: true }));
    const rows = await allPages(bench, { limit: 2 });
    expect(rows.map(({ sequence }) => sequence)).toEqual([3, 1]);
  });

  test('is followed: what is written from then on, here and there, each once', async () => {
    const mirrors = mirrorsOf();
    const bench = await open(mirrors);
    await bench.sink.request(entryOf({ target: 'a/before' }));
    await mirrors.holdCopy(bergen, 'bergen', chainAt(bergen, [1]));
    const leave = new AbortController();
    const watching = bench.audit.watch({ act: 'links.*' }, { signal: leave.signal });
    const seen: string[] = [];
    const over = (async () => {
      for await (const { clusterName, sequence } of watching) {
        seen.push(`${clusterName} ${sequence}`);
      }
    })().catch(() => undefined);
    await expect
      .poll(async () => {
        await bench.sink.request(entryOf({ target: 'a/after' }));
        return seen.length;
      })
      .toBeGreaterThan(1);
    await mirrors.holdCopy(bergen, 'bergen', chainAt(bergen, [1, 2, 3]));
    await expect
      .poll(() => seen.filter((each) => each.startsWith('bergen')))
      .toEqual(['bergen 2', 'bergen 3']);
    leave.abort();
    await over;
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).not.toContain('lubeck 1');
  });
});
