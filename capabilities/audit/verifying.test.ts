// Whatever happens to a chain of records is found, and the place is named.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  auditCodec as codec,
  auditCrypto as crypto,
  chainOf,
  recordAt,
  storedChain,
  chainFrom,
  witnessOf,
  type StoredAudit,
} from '../../testkit/audit-bench.ts';
import { clusterOf, createTestSigner } from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { AuditReport } from './contract.ts';
import { recordKey, tailKey } from './keys.ts';
import { nextRecord, type AuditRecord } from './record.ts';
import { signAnchor } from './signing.ts';
import { chainReader } from './chain.ts';
import { verifyChain, type Attested } from './verifying.ts';

const byte = 1;
const cluster = clusterOf(crypto, byte);
const needs = {
  codec,
  crypto,
  keys: createTestKeys(),
  signer: { cluster, name: 'lubeck' },
  resources: {} as ResourceLog,
  mirrors: noMirrors,
};
const records = chainOf(cluster, 12);
const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const keyOf = (sequence: number): string => hexOf(recordKey(sequence));

function attestedAt(sequence: number): Attested {
  const record = recordAt(records, sequence);
  return { name: 'bergen', countersignature: witnessOf(7, { byte, record }) };
}

async function verify(
  stored: StoredAudit,
  attested: readonly Attested[] = [],
): Promise<AuditReport> {
  const chain = chainFrom(stored, (source) =>
    chainReader(needs, { cluster, name: 'lubeck' }, { ...source, own: true }),
  );
  for await (const said of verifyChain(needs, chain, { attested, problems: [] })) {
    if (said.type === 'report') {
      return said.report;
    }
  }
  throw new Error('there was no report');
}

describe('an audit', () => {
  test('verifies as it was written, with what was signed of it', async () => {
    const report = await verify(storedChain(records), [attestedAt(12), attestedAt(5)]);
    expect(report).toMatchObject({ verified: true, records: 12, last: 12, prunedTo: 0 });
    expect(report.witnesses).toHaveLength(2);
    expect(await verify(new Map())).toMatchObject({ verified: true, records: 0 });
  });

  test('of which any one byte was changed does not, and the place is named', async () => {
    const sizes = [...storedChain(records)].map(([key, { length }]) => ({ key, length }));
    const spot = fc.constantFrom(...sizes).chain(({ key, length }) =>
      fc.record({
        key: fc.constant(key),
        at: fc.nat(length - 1),
        by: fc.integer({ min: 1, max: 255 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(spot, async ({ key, at, by }) => {
        const stored = storedChain(records);
        const value = Uint8Array.from(stored.get(key) ?? []);
        value[at] = (value[at] ?? 0) ^ by;
        stored.set(key, value);
        const report = await verify(stored);
        const decoded = sameRecord(storedChain(records).get(key), value);
        if (decoded) {
          return; // another spelling of the very same record says nothing else
        }
        expect(report.verified).toBe(false);
        const [first] = report.problems;
        const sequence = records.find((each) => keyOf(each.sequence) === key)?.sequence;
        expect(first?.sequence ?? sequence).toBe(sequence ?? first?.sequence);
        expect(first?.sentence).toMatch(/record \d+|chain|\w+ \w+/);
      }),
      { numRuns: 500 },
    );
  });

  test('of which records are missing says which', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 11 }), async (sequence) => {
        const stored = storedChain(records);
        stored.delete(keyOf(sequence));
        const { problems } = await verify(stored);
        expect(problems[0]).toMatchObject({ what: 'missing', sequence });
        expect(problems[0]?.sentence).toContain(`record ${sequence} is missing`);
      }),
      { numRuns: 30 },
    );
  });

  test('of which two records changed places says where', async () => {
    const place = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(place, place, async (one, other) => {
        fc.pre(one !== other);
        const stored = storedChain(records);
        const [a, b] = [stored.get(keyOf(one)), stored.get(keyOf(other))];
        stored.set(keyOf(one), b as Uint8Array);
        stored.set(keyOf(other), a as Uint8Array);
        const { problems } = await verify(stored);
        expect(problems[0]?.sequence).toBe(Math.min(one, other));
      }),
      { numRuns: 40 },
    );
  });

  test('that was cut off is named by where it said that it ends', async () => {
    const stored = storedChain(records);
    stored.delete(keyOf(12));
    stored.delete(keyOf(11));
    const { problems } = await verify(stored);
    expect(problems[0]).toMatchObject({ what: 'truncated', sequence: 11 });
    expect(problems[0]?.sentence).toContain('records 11 to 12 are missing at the end');
  });

  test('that was cut off cleanly is named by who has countersigned more', async () => {
    const cut = storedChain(records.slice(0, 9));
    await expect(verify(cut)).resolves.toMatchObject({ verified: true });
    const { problems } = await verify(cut, [attestedAt(12)]);
    expect(problems[0]).toMatchObject({ what: 'truncated', sequence: 10 });
    expect(problems[0]?.sentence).toMatch(/records 10 to 12 .* bergen countersigned 12/);
  });

  test('that was written anew, with keys and all, contradicts who has countersigned it', async () => {
    const forged = [recordAt(records, 1)];
    for (const said of records.slice(1)) {
      const lie = said.sequence === 4 ? { ...said, principal: 'user:mallory' } : said;
      const { sequence: _sequence, previous: _previous, hash: _hash, ...rest } = lie;
      forged.push(nextRecord(crypto, forged.at(-1) as AuditRecord, rest));
    }
    await expect(verify(storedChain(forged))).resolves.toMatchObject({ verified: true });
    const { problems } = await verify(storedChain(forged), [attestedAt(8)]);
    expect(problems[0]).toMatchObject({ what: 'countersignature', sequence: 8 });
  });

  test('begins at a signed anchor where it was pruned, and nowhere else', async () => {
    const signer = createTestSigner(crypto, byte, 'lubeck');
    const anchor = signAnchor(signer, recordAt(records, 4), 1_800_000_000_000);
    const rest = records.slice(4);
    const kept = await verify(storedChain(rest, anchor), [attestedAt(12), attestedAt(2)]);
    expect(kept).toMatchObject({ verified: true, records: 8, prunedTo: 4 });
    const without = await verify(storedChain(rest));
    expect(without.problems[0]).toMatchObject({ what: 'missing', sequence: 1 });
    const moved = await verify(storedChain(rest, { ...anchor, sequence: 3 }));
    expect(moved.problems[0]).toMatchObject({ what: 'anchor' });
    const other = createTestSigner(crypto, 9, 'riga');
    const foreign = signAnchor(other, recordAt(records, 4), 1);
    await expect(verify(storedChain(rest, foreign))).resolves.toMatchObject({ verified: false });
  });

  test('is not held against a countersignature that does not verify, which is named', async () => {
    const { countersignature } = attestedAt(5);
    const forged = { ...countersignature, atMs: countersignature.atMs + 1 };
    const given = [{ name: 'bergen', countersignature: forged }];
    const { problems } = await verify(storedChain(records), given);
    expect(problems).toMatchObject([{ what: 'countersignature', sequence: 5 }]);
  });

  test('has nothing but records, its end and an anchor', async () => {
    const stored = storedChain(records);
    stored.set('00', Uint8Array.of(1));
    await expect(verify(stored)).resolves.toMatchObject({ verified: false });
    const tail = codec.encode({ sequence: 13, hash: '0'.repeat(64) });
    const longer = storedChain(records).set(hexOf(tailKey), tail);
    const { problems } = await verify(longer);
    expect(problems[0]).toMatchObject({ what: 'truncated', sequence: 13 });
  });
});

function sameRecord(one: Uint8Array | undefined, other: Uint8Array): boolean {
  try {
    return JSON.stringify(codec.decode(one as Uint8Array)) === JSON.stringify(codec.decode(other));
  } catch {
    return false;
  }
}
