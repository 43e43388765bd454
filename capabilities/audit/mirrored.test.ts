// What another cluster sends as its audit is hostile until it is checked: schema, chain, anchor,
// end, and what it has shown before.
import { federatedId, isHansaError, utf8 } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  auditCodec as codec,
  auditCrypto as crypto,
  chainOf,
  headOf,
  recordAt,
  saidAt,
} from '../../testkit/audit-bench.ts';
import { clusterOf, createTestSigner } from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import type { ChangeOp, ResourceEntry, SequencedChange } from '../resources/contract.ts';
import type { MirrorView } from '../sync/contract.ts';
import { auditId, type AuditHead } from './contract.ts';
import { anchorKey, recordKey, tailKey } from './keys.ts';
import { createAuditKind } from './mirrored.ts';
import { nextRecord, type AuditRecord } from './record.ts';
import { signAnchor } from './signing.ts';

const owner = clusterOf(crypto, 1);
const resource = federatedId(owner, auditId);
const records = chainOf(owner, 8);
const at = (sequence: number): AuditRecord => recordAt(records, sequence);

function put(key: Uint8Array, value: object): ChangeOp {
  return { put: { key, value: codec.encode(value), blobs: [] } };
}

const putRecord = (record: AuditRecord): ChangeOp => put(recordKey(record.sequence), record);
const putTail = ({ sequence, hash }: AuditRecord): ChangeOp => put(tailKey, { sequence, hash });
const drop = (sequence: number): ChangeOp => ({ delete: { key: recordKey(sequence) } });

function changes(...ops: readonly ChangeOp[]): readonly SequencedChange[] {
  const change = { epoch: 1, previous: 1, hlc: [1, 0] as const, author: owner, ops };
  return [{ sequence: 2, change }];
}

/** The mirror as it stands with those records. */
function viewOf(held: readonly AuditRecord[], more: readonly ChangeOp[] = []): MirrorView {
  const last = held.at(-1);
  const ops = [...held.map(putRecord), ...(last === undefined ? [] : [putTail(last)]), ...more];
  const entries = new Map<string, ResourceEntry>();
  for (const op of ops) {
    if ('put' in op) {
      entries.set(op.put.key.join(), { ...op.put, version: 1 });
    }
  }
  return {
    resource,
    epoch: 1,
    entry: async (key) => entries.get(key.join()),
    async *entries() {
      yield* entries.values();
    },
  };
}

async function stage(
  before: MirrorView,
  ops: readonly ChangeOp[],
  shown?: AuditHead,
): Promise<string> {
  const needs = { codec, crypto, keys: createTestKeys(), headOf: () => shown };
  try {
    const staged = await createAuditKind(needs).stage(
      before,
      changes(...ops),
      new AbortController().signal,
    );
    await staged.commit();
    return 'OK';
  } catch (error) {
    return isHansaError(error) ? error.message : String(error);
  }
}

const whole = [...records.map(putRecord), putTail(at(8))];

describe('a mirrored audit', () => {
  test('is taken as it is written, at once or bit by bit, in whatever order it comes', async () => {
    expect(await stage(viewOf([]), whole)).toBe('OK');
    expect(await stage(viewOf([]), whole.toReversed())).toBe('OK');
    expect(await stage(viewOf(records.slice(0, 5)), whole.slice(5))).toBe('OK');
    expect(await stage(viewOf(records), [])).toBe('OK');
    expect(await stage(viewOf([]), [])).toBe('OK');
  });

  test.each<[string, readonly ChangeOp[], RegExp]>([
    [
      'a record that was changed',
      [putRecord({ ...at(6), principal: 'x' }), putTail(at(6))],
      /hash/,
    ],
    ['a record that is none', [put(recordKey(6), { sequence: 6 }), putTail(at(6))], /is none/],
    ['a record at another place', [put(recordKey(7), at(6)), putTail(at(6))], /is none/],
    ['a gap', [putRecord(at(7)), putTail(at(7))], /does not follow/],
    ['no end that is known', [putRecord(at(6)), putTail(at(7))], /does not end/],
    [
      'records beyond its end',
      [putRecord(at(6)), putRecord(at(7)), putTail(at(6))],
      /does not end/,
    ],
    ['an end that moves back', [putTail(at(3))], /now ends at 3/],
    ['an end that is none', [put(tailKey, { sequence: 'x' })], /not readable/],
    ['no end at all', [{ delete: { key: tailKey } }], /not readable/],
    ['a key of nobody', [put(utf8('x'), {})], /no audit has/],
    ['a record that is taken away', [drop(2)], /anchor does not cover/],
    [
      'blobs',
      [{ put: { key: recordKey(6), value: utf8('x'), blobs: [{} as never] } }],
      /names blobs/,
    ],
  ])('refuses %s', async (_what, ops, sentence) => {
    expect(await stage(viewOf(records.slice(0, 5)), ops)).toMatch(sentence);
  });

  test('refuses another past, however well it is chained', async () => {
    const lie = nextRecord(crypto, at(4), saidAt(4, { principal: 'user:mallory' }));
    const held = viewOf(records.slice(0, 5));
    expect(await stage(held, [putRecord(lie), putTail(lie)])).toMatch(/takes the place/);
    const shown = headOf({ byte: 1, record: at(5) });
    const ops = [...records.slice(0, 4).map(putRecord), putRecord(lie), putTail(lie)];
    expect(await stage(viewOf([]), ops, shown)).toMatch(/its owner has signed to us/);
    expect(await stage(viewOf([]), whole, shown)).toBe('OK');
  });

  test('repairs a record of ours that was damaged', async () => {
    const damaged = put(recordKey(3), { ...at(3), principal: 'x' });
    expect(await stage(viewOf(records, [damaged]), [putRecord(at(3))])).toBe('OK');
  });

  test('is pruned by its owner’s signed anchor, which never moves back', async () => {
    const signer = createTestSigner(crypto, 1, 'lubeck');
    const anchor = put(anchorKey, signAnchor(signer, at(3), 1));
    const gone = [1, 2, 3].map(drop);
    expect(await stage(viewOf(records), [anchor, ...gone])).toBe('OK');
    const pruned = viewOf(records.slice(3), [anchor]);
    expect(await stage(viewOf([]), [anchor, ...whole.slice(3)])).toBe('OK');
    expect(await stage(pruned, [drop(4)])).toMatch(/does not cover/);
    const back = put(anchorKey, signAnchor(signer, at(2), 2));
    expect(await stage(pruned, [back])).toMatch(/moves back/);
    const other = put(anchorKey, signAnchor(signer, { ...at(3), hash: 'ab'.repeat(32) }, 1));
    expect(await stage(viewOf(records), [other, ...gone])).toMatch(/is not the record 3|follow/);
    const foreign = put(anchorKey, signAnchor(createTestSigner(crypto, 9, 'riga'), at(3), 1));
    expect(await stage(viewOf(records), [foreign])).toMatch(/none of its owner/);
    const forged = put(anchorKey, { ...signAnchor(signer, at(3), 1), atMs: 2 });
    expect(await stage(viewOf(records), [forged])).toMatch(/not signed/);
  });
});
