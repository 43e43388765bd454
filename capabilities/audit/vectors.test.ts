// The bytes of the audit against protocol/vectors/audit.json, which was made by other means.
import { readFileSync } from 'node:fs';
import { createNodeCrypto } from '@hansa/crypto-node';
import { toHex } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createTestKeys } from '../../testkit/test-keys.ts';
import {
  anchorBytes,
  countersignatureBytes,
  firstHash,
  headBytes,
  recordBytes,
  recordHash,
} from './record.ts';
import { requireAnchor, requireCountersignature } from './signing.ts';

const url = new URL('../../protocol/vectors/audit.json', import.meta.url);
const vectors = JSON.parse(readFileSync(url, 'utf8'));
const crypto = createNodeCrypto();
const checking = { crypto, keys: createTestKeys() };

describe('the bytes of the audit', () => {
  test('are those of the vectors', () => {
    expect(firstHash(crypto, vectors.cluster)).toBe(vectors.firstHash);
    for (const { bytes, ...record } of vectors.records) {
      expect(toHex(recordBytes(record))).toBe(bytes);
      expect(recordHash(crypto, record)).toBe(record.hash);
    }
    expect(toHex(headBytes(vectors.head))).toBe(vectors.head.bytes);
    expect(toHex(anchorBytes(vectors.anchor))).toBe(vectors.anchor.bytes);
    expect(toHex(countersignatureBytes(vectors.countersignature))).toBe(
      vectors.countersignature.bytes,
    );
  });

  test('verify as they are signed, and not with anything else in them', () => {
    requireAnchor(checking, vectors.anchor);
    requireCountersignature(checking, vectors.countersignature);
    const later = { ...vectors.anchor, sequence: 2 };
    expect(() => requireAnchor(checking, later)).toThrow(/not signed/);
    const { head } = vectors.countersignature;
    const other = { ...vectors.countersignature, head: { ...head, atMs: head.atMs + 1 } };
    expect(() => requireCountersignature(checking, other)).toThrow(/head is not signed/);
    const dated = { ...vectors.countersignature, atMs: 1 };
    expect(() => requireCountersignature(checking, dated)).toThrow(/countersignature is not/);
  });
});
