// The protocol's bytes a second time, by other means: hex text instead of byte arrays, another
// BLAKE3, Node's own Ed25519. Vectors hold where this file and the product agree without sharing a
// line.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { blake3 } from '@noble/hashes/blake3.js';

/** A field: `{ hex }` bytes, text or a number. */
export type HandField = { readonly hex: string } | string | number;

/** The hex of a transcript: for domain and fields, eight digits of length, then the bytes. */
export function layOut(domain: string, ...fields: readonly HandField[]): string {
  return [domain, ...fields]
    .map((field) => {
      const hex = fieldHex(field);
      return (hex.length / 2).toString(16).padStart(8, '0') + hex;
    })
    .join('');
}

function fieldHex(field: HandField): string {
  if (typeof field === 'string') {
    return Buffer.from(field, 'utf8').toString('hex');
  }
  return typeof field === 'number' ? field.toString(16).padStart(16, '0') : field.hex;
}

/** BLAKE3-256, hex in, hex out. */
export function hashByHand(hex: string): string {
  return Buffer.from(blake3(Buffer.from(hex, 'hex'))).toString('hex');
}

export function hashLayout(domain: string, ...fields: readonly HandField[]): string {
  return hashByHand(layOut(domain, ...fields));
}

export function keyByHand(seedHex: string): string {
  const { x } = createPublicKey(secret(seedHex)).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('hex');
}

export function signByHand(seedHex: string, messageHex: string): string {
  return sign(null, Buffer.from(messageHex, 'hex'), secret(seedHex)).toString('hex');
}

export function verifyByHand(keyHex: string, messageHex: string, signatureHex: string): boolean {
  const x = Buffer.from(keyHex, 'hex').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(messageHex, 'hex'), key, Buffer.from(signatureHex, 'hex'));
}

// RFC 8410: the DER that stands before a raw Ed25519 seed.
function secret(seedHex: string): ReturnType<typeof createPrivateKey> {
  const der = Buffer.from(`302e020100300506032b657004220420${seedHex}`, 'hex');
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/** The root of the leaves, paired from the left; an odd one goes up as it is. */
export function merkleByHand(leaves: readonly string[]): string {
  const [first = '', second] = leaves;
  if (second === undefined) {
    return first;
  }
  const above: string[] = [];
  for (let at = 0; at < leaves.length; at += 2) {
    const [left = '', right] = leaves.slice(at, at + 2);
    const pair = [{ hex: left }, { hex: right ?? '' }] as const;
    above.push(right === undefined ? left : hashLayout('hansa/merkle-node/1', ...pair));
  }
  return merkleByHand(above);
}

export interface HandLeaf {
  readonly key: string;
  readonly version: number;
  readonly valueHash: string;
}

/** The root of the trie over the leaves, built from the whole set at once, top down. */
export function trieByHand(leaves: readonly HandLeaf[], depth = 0): string {
  const [only, another] = leaves;
  if (only === undefined) {
    return depth === 0 ? '00'.repeat(32) : '';
  }
  if (another === undefined) {
    const { key, version, valueHash } = only;
    return hashLayout('hansa/trie-leaf/1', { hex: key }, version, { hex: valueHash });
  }
  const children = Array.from('0123456789abcdef', (digit) => {
    const below = leaves.filter(({ key }) => hashByHand(key).charAt(depth) === digit);
    return { hex: trieByHand(below, depth + 1) };
  });
  return hashLayout('hansa/trie-branch/1', ...children);
}

/** `protocol/vectors/<name>.json`, unchecked. */
export function readVectors(name: string): unknown {
  const url = new URL(`../protocol/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8'));
}
