import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, fromHex, nodeIdSchema, toHex, type NodeId } from '@hansa/foundation';
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
import { clusterOf, nodeOf, seedOf } from '../../testkit/test-cluster.ts';
import { certificateSkewMs, type IdentityProof, type NodeCertificate } from './contract.ts';
import { inceptionBytes, makeInception } from './key-log.ts';
import { certificateBytes, checkProof } from './proof.ts';

const crypto = createNodeCrypto();
const hex = z.string();
const vectors = z
  .object({
    inceptions: z.array(
      z.object({
        name: z.string(),
        seeds: z.object({ first: hex, next: hex }),
        createdMs: z.number(),
        cluster: clusterIdSchema,
        nextKeyHash: hex,
        bytes: hex,
        signature: hex,
      }),
    ),
    certificates: z.array(
      z.object({
        name: z.string(),
        seed: hex,
        cluster: clusterIdSchema,
        keyIndex: z.number(),
        node: nodeIdSchema,
        serial: z.number(),
        notBeforeMs: z.number(),
        notAfterMs: z.number(),
        uses: z.array(z.enum(['link', 'sign'])),
        bytes: hex,
        signature: hex,
      }),
    ),
  })
  .parse(readVectors('identity'));

describe('what identity signs', () => {
  test.each(vectors.inceptions)('inception vector: $name', (vector) => {
    const { seeds, createdMs, cluster, nextKeyHash, bytes, signature } = vector;
    const both = { first: fromHex(seeds.first), next: fromHex(seeds.next) };
    const made = makeInception(crypto, both, createdMs);
    expect(made).toMatchObject({ cluster, nextKeyHash, createdMs });
    expect(toHex(inceptionBytes(made))).toBe(bytes);
    expect(toHex(made.signature)).toBe(signature);
    expect(keyByHand(seeds.first)).toBe(cluster);
    expect(hashByHand(keyByHand(seeds.next))).toBe(nextKeyHash);
    const byHand = layOut('hansa/inception/1', { hex: cluster }, { hex: nextKeyHash }, createdMs);
    expect(byHand).toBe(bytes);
    expect(verifyByHand(cluster, byHand, signature)).toBe(true);
  });

  test.each(vectors.certificates)('certificate vector: $name', (vector) => {
    const { seed, cluster, keyIndex, node, serial, notBeforeMs, notAfterMs, uses } = vector;
    expect(toHex(certificateBytes(vector))).toBe(vector.bytes);
    const byHand = layOut(
      'hansa/node-certificate/1',
      { hex: cluster },
      keyIndex,
      { hex: node },
      serial,
      notBeforeMs,
      notAfterMs,
      uses.join(','),
    );
    expect(byHand).toBe(vector.bytes);
    expect(signByHand(seed, byHand)).toBe(vector.signature);
    expect(toHex(crypto.sign(fromHex(seed), fromHex(byHand)))).toBe(vector.signature);
  });
});

const startMs = 1_700_000_000_000;
const endMs = startMs + 600_000;
const node = nodeOf(crypto, 3);
const inception = makeInception(crypto, { first: seedOf(1), next: seedOf(2) }, startMs);

function certify(
  given: Partial<Omit<NodeCertificate, 'signature'>> = {},
  signer: Uint8Array = seedOf(1),
): NodeCertificate {
  const body = {
    cluster: inception.cluster,
    keyIndex: 0,
    node,
    serial: 1,
    notBeforeMs: startMs,
    notAfterMs: endMs,
    uses: ['link', 'sign'] as const,
    ...given,
  };
  return { ...body, signature: crypto.sign(signer, certificateBytes(body)) };
}

const proof: IdentityProof = {
  inception,
  rotations: [],
  certificate: certify(),
  name: 'lubeck',
};

function check(given: unknown, nowMs: number = startMs, remote: NodeId = node) {
  const judge = (): void => undefined;
  return checkProof(crypto, { proof: given, remote, nowMs, judge });
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe('a stranger’s proof', () => {
  test('says who it is, and with which key', () => {
    expect(check(proof)).toEqual({
      cluster: clusterOf(crypto, 1),
      node,
      name: 'lubeck',
      key: crypto.publicKey(seedOf(1)),
      keyIndex: 0,
      keyLog: { inception, rotations: [] },
    });
  });

  test('copied from another’s handshake is worthless on the thief’s connection', () => {
    const thief = nodeOf(crypto, 8);
    expect(() => check(proof, startMs, thief)).toThrow(refused('IDENTITY_NOT_BOUND'));
  });

  test.each([
    ['a minute before it begins', startMs - certificateSkewMs, true],
    ['a minute and a millisecond before it begins', startMs - certificateSkewMs - 1, false],
    ['a minute after it ended', endMs + certificateSkewMs, true],
    ['a minute and a millisecond after it ended', endMs + certificateSkewMs + 1, false],
  ])('%s, as clocks differ: accepted is %s', (_, nowMs, accepted) => {
    if (accepted) {
      expect(check(proof, nowMs).cluster).toBe(inception.cluster);
    } else {
      expect(() => check(proof, nowMs)).toThrow(refused('CERTIFICATE_EXPIRED'));
    }
  });

  test('with a certificate for other uses than links opens no link', () => {
    for (const uses of [['sign'], []] as const) {
      const other = { ...proof, certificate: certify({ uses }) };
      expect(() => check(other)).toThrow(refused('CERTIFICATE_INVALID'));
    }
  });

  test.each<[string, NodeCertificate]>([
    ['signed by the node itself', certify({}, seedOf(3))],
    ['signed by the next key, which is not revealed yet', certify({}, seedOf(2))],
    ['of another cluster', certify({ cluster: clusterOf(crypto, 9) }, seedOf(9))],
    ['of another cluster, signed by this one', certify({ cluster: clusterOf(crypto, 9) })],
    ['of a key that nobody has announced', certify({ keyIndex: 1 })],
  ])('with a certificate %s is CERTIFICATE_INVALID', (_, certificate) => {
    expect(() => check({ ...proof, certificate })).toThrow(refused('CERTIFICATE_INVALID'));
  });

  test('with any signed field altered is CERTIFICATE_INVALID', () => {
    const { certificate } = proof;
    const altered: IdentityProof[] = [
      { ...proof, inception: { ...inception, createdMs: inception.createdMs + 1 } },
      { ...proof, inception: { ...inception, nextKeyHash: '0'.repeat(64) } },
      { ...proof, inception: { ...inception, cluster: clusterOf(crypto, 9) } },
      { ...proof, certificate: { ...certificate, serial: 2 } },
      { ...proof, certificate: { ...certificate, node: nodeOf(crypto, 8) } },
      { ...proof, certificate: { ...certificate, notAfterMs: endMs + 1 } },
      { ...proof, certificate: { ...certificate, notBeforeMs: startMs - 1 } },
      { ...proof, certificate: { ...certificate, uses: ['link'] } },
      { ...proof, certificate: { ...certificate, uses: ['sign', 'link'] } },
    ];
    for (const each of altered) {
      expect(() => check(each)).toThrow(refused('CERTIFICATE_INVALID'));
    }
  });

  test('with any bit of a signature flipped is CERTIFICATE_INVALID', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(511), (ofInception, bit) => {
        const flip = (bytes: Uint8Array): Uint8Array =>
          bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const { certificate } = proof;
        const forged = ofInception
          ? { ...proof, inception: { ...inception, signature: flip(inception.signature) } }
          : { ...proof, certificate: { ...certificate, signature: flip(certificate.signature) } };
        expect(() => check(forged)).toThrow(refused('CERTIFICATE_INVALID'));
      }),
      { numRuns: 300 },
    );
  });

  test('of any other shape is CERTIFICATE_INVALID and nothing worse', () => {
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(() => check(anything)).toThrow(refused('CERTIFICATE_INVALID'));
      }),
      { numRuns: 1_000 },
    );
    for (const field of ['inception', 'certificate', 'name'] as const) {
      const { [field]: _left, ...rest } = proof;
      expect(() => check(rest)).toThrow(refused('CERTIFICATE_INVALID'));
    }
    const long = { ...proof, name: 'x'.repeat(129) };
    expect(() => check(long)).toThrow(refused('CERTIFICATE_INVALID'));
  });

  test('may carry any name: it is a label, and no one signs it', () => {
    expect(check({ ...proof, name: 'bergen' }).name).toBe('bergen');
  });
});
