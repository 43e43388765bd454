import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex, toHex, type FederatedId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { keyByHand, layOut, readVectors, signByHand } from '../../testkit/by-hand.ts';
import { clusterOf, createTestSigner } from '../../testkit/test-cluster.ts';
import {
  nothingHeld,
  receiptBytes,
  receiptSchema,
  requireReceipt,
  signReceipt,
} from './receipt.ts';
import { receiptsPeerContract } from './wire.ts';

const crypto = createNodeCrypto();
const vectors = z
  .object({
    receipts: z.array(
      z.object({ name: z.string(), seed: z.string(), receipt: receiptSchema, bytes: z.string() }),
    ),
  })
  .parse(readVectors('receipts'));

const asked = {
  mirror: clusterOf(crypto, 2),
  resource: `${clusterOf(crypto, 1)}:note/a` as FederatedId,
  withdrawal: 'ab'.repeat(32),
};
const signed = signReceipt(createTestSigner(crypto, 2, 'bergen'), {
  ...nothingHeld,
  resource: asked.resource,
  withdrawal: asked.withdrawal,
  outcome: 'retained',
  reason: 'a dispute',
  atMs: 5_000,
});
const needs = { crypto, keys: { signing: (cluster: string) => fromHex(cluster) } };

describe('what a mirror signs', () => {
  test.each(vectors.receipts)('receipt vector: $name', ({ seed, receipt, bytes }) => {
    const { mirror, resource, withdrawal, epoch, sequence, chain, digest } = receipt;
    const { outcome, reason, atMs, keyIndex, signature } = receipt;
    const head = [epoch, sequence, { hex: chain }, { hex: digest }];
    const told = [outcome, reason, atMs, keyIndex];
    const fields = [mirror, resource, { hex: withdrawal }, ...head, ...told];
    expect(layOut('hansa/receipt/1', ...fields)).toBe(bytes);
    expect(signByHand(seed, bytes)).toBe(signature);
    expect(keyByHand(seed)).toBe(mirror);
    expect(toHex(receiptBytes(receipt))).toBe(bytes);
    requireReceipt(needs, receipt, receipt);
  });

  test('a receipt is taken as it was signed, and with any field changed it is not', () => {
    requireReceipt(needs, signed, asked);
    const changes = {
      epoch: 1,
      sequence: 1,
      chain: 'cd'.repeat(32),
      digest: 'cd'.repeat(32),
      outcome: 'purged',
      reason: '',
      atMs: 5_001,
      keyIndex: 1,
      signature: 'cd'.repeat(64),
    } as const;
    for (const [field, value] of Object.entries(changes)) {
      const forged = receiptSchema.parse({ ...signed, [field]: value });
      expect(() => requireReceipt(needs, forged, asked)).toThrow('does not verify');
    }
  });

  test.each(['mirror', 'resource', 'withdrawal'] as const)(
    'a receipt of another %s answers nothing',
    (field) => {
      const others = {
        mirror: clusterOf(crypto, 3),
        resource: `${clusterOf(crypto, 1)}:note/b` as FederatedId,
        withdrawal: 'cd'.repeat(32),
      };
      const other = { ...asked, [field]: others[field] };
      expect(() => requireReceipt(needs, signed, other)).toThrow('another withdrawal');
    },
  );

  test('a key that is not the mirror’s is no proof', () => {
    const unknown = {
      signing: () => {
        throw new Error('never heard of it');
      },
    };
    expect(() => requireReceipt({ crypto, keys: unknown }, signed, asked)).toThrow(
      'not the mirror',
    );
  });
});

test('a withdrawal and its restoring take one road, on which neither overtakes the other', () => {
  expect(receiptsPeerContract.traffic).toBe('control');
});
