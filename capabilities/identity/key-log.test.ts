import { createNodeCrypto } from '@hansa/crypto-node';
import { toHex, type ClusterId } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  hashByHand,
  keyByHand,
  layOut,
  readVectors,
  signByHand,
  verifyByHand,
} from '../../testkit/by-hand.ts';
import { clusterOf, seedOf } from '../../testkit/test-cluster.ts';
import type { KeyLog, Rotation } from './contract.ts';
import { makeInception, makeRotation, rotationBytes, verifyKeyLog } from './key-log.ts';

const crypto = createNodeCrypto();
const startMs = 1_700_000_000_000;

function logOf(rotations: number): KeyLog {
  const inception = makeInception(crypto, { first: seedOf(1), next: seedOf(2) }, startMs);
  let log: KeyLog = { inception, rotations: [] };
  for (let step = 1; step <= rotations; step += 1) {
    const rotation = makeRotation(crypto, log, {
      present: seedOf(step),
      promised: seedOf(step + 1),
      after: seedOf(step + 2),
      nowMs: startMs + step,
    });
    log = { ...log, rotations: [...log.rotations, rotation] };
  }
  return log;
}

const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('a key log', () => {
  const hex = z.string();
  const { rotations: vectors } = z
    .object({
      rotations: z.array(
        z.object({
          name: z.string(),
          seeds: z.object({ previous: hex, present: hex, next: hex }),
          cluster: hex,
          keyIndex: z.number(),
          key: hex,
          nextKeyHash: hex,
          createdMs: z.number(),
          bytes: hex,
          signature: hex,
          previousSignature: hex,
        }),
      ),
    })
    .parse(readVectors('identity'));

  test.each(vectors)('rotation vector: $name', (vector) => {
    const { seeds: keys, cluster, keyIndex, key, nextKeyHash, createdMs, bytes } = vector;
    const body = { cluster: cluster as ClusterId, keyIndex, key, nextKeyHash, createdMs };
    expect(toHex(rotationBytes(body))).toBe(bytes);
    expect(keyByHand(keys.present)).toBe(key);
    expect(hashByHand(keyByHand(keys.next))).toBe(nextKeyHash);
    const byHand = layOut(
      'hansa/rotation/1',
      { hex: cluster },
      keyIndex,
      { hex: key },
      { hex: nextKeyHash },
      createdMs,
    );
    expect(byHand).toBe(bytes);
    expect(signByHand(keys.present, byHand)).toBe(vector.signature);
    expect(signByHand(keys.previous, byHand)).toBe(vector.previousSignature);
    expect(verifyByHand(key, byHand, vector.signature)).toBe(true);
  });

  test('of many rotations verifies; cut at its end it is an older one, cut elsewhere none', () => {
    const log = logOf(5);
    expect(() => verifyKeyLog(crypto, log)).not.toThrow();
    const older = { ...log, rotations: log.rotations.slice(0, 3) };
    expect(() => verifyKeyLog(crypto, older)).not.toThrow();
    const gap = { ...log, rotations: log.rotations.toSpliced(2, 1) };
    expect(() => verifyKeyLog(crypto, gap)).toThrow(code('CERTIFICATE_INVALID'));
  });

  test('is as good where a key was lost and only the promised one signed', () => {
    const log = logOf(2);
    const alone = log.rotations.map(({ previousSignature: _lost, ...rest }) => rest);
    expect(() => verifyKeyLog(crypto, { ...log, rotations: alone })).not.toThrow();
  });

  test('with anything altered does not verify', () => {
    const log = logOf(3);
    const alterations: readonly ((rotation: Rotation) => Rotation)[] = [
      (each) => ({ ...each, keyIndex: each.keyIndex + 1 }),
      (each) => ({ ...each, key: toHex(crypto.publicKey(seedOf(77))) }),
      (each) => ({ ...each, nextKeyHash: '0'.repeat(64) }),
      (each) => ({ ...each, createdMs: each.createdMs + 1 }),
      (each) => ({ ...each, createdMs: startMs - 1 }),
      (each) => ({ ...each, cluster: clusterOf(crypto, 9) }),
      (each) => ({ ...each, signature: new Uint8Array(64) }),
      (each) => ({ ...each, previousSignature: new Uint8Array(64) }),
    ];
    fc.assert(
      fc.property(fc.nat(2), fc.constantFrom(...alterations), (at, alter) => {
        const rotations = log.rotations.map((each, index) => (index === at ? alter(each) : each));
        expect(() => verifyKeyLog(crypto, { ...log, rotations })).toThrow(
          code('CERTIFICATE_INVALID'),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('cannot be continued by who stole the present key: he does not know the promised one', () => {
    const log = logOf(1);
    const stolen = makeRotation(crypto, log, {
      present: seedOf(2),
      promised: seedOf(66),
      after: seedOf(67),
      nowMs: startMs + 9,
    });
    const forged = { ...log, rotations: [...log.rotations, stolen] };
    expect(() => verifyKeyLog(crypto, forged)).toThrow(/another key than was promised/);
  });
});
