// What the vectors of protocol/ hold, as evidence, and the ways to spoil it: for the tests of the
// checker.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { verifyEvidence, type Report } from './verifying.ts';

export type Json = ReturnType<typeof JSON.parse>;

export function vectors(name: string): Json {
  const url = new URL(`../protocol/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8'));
}

export const nowMs = 1_700_000_000_500;

export function check(evidence: readonly Json[], options = {}): Report {
  const data = { format: 'hansa/evidence/1', evidence };
  return verifyEvidence([{ name: 'a file', data }], { atMs: nowMs, ...options });
}

export function refusals({ verdicts }: Report): readonly string[] {
  return verdicts.filter(({ verified }) => !verified).map(({ sentence }) => sentence);
}

export function secretOf(seed: string): ReturnType<typeof createPrivateKey> {
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

export function publicOf(seed: string): string {
  const { x } = createPublicKey(secretOf(seed)).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('hex');
}

export function signWith(seed: string, message: Uint8Array): string {
  return sign(null, message, secretOf(seed)).toString('hex');
}

export const seeds = ['01'.repeat(32), '02'.repeat(32), '03'.repeat(32), '04'.repeat(32)] as const;

// ---- what the vectors hold, as evidence ----

export const history = vectors('history');
export const identity = vectors('identity');

export function heads(): Json[] {
  return history.heads.map(({ bytes: _bytes, leaf: _leaf, ...head }: Json) => {
    const { bytes: _tick, ...tick } = history.tick;
    return { kind: 'head', ...head, tick };
  });
}

export function changes(): Json {
  const { resource, firstChain, steps } = structuredClone(history);
  const after = { sequence: steps[0].change.previous, chain: firstChain };
  const list = steps.map(({ sequence, change }: Json) => ({ sequence, change }));
  return { kind: 'changes', resource, epoch: 1, after, changes: list };
}

export function keyLog(): Json {
  const { cluster, nextKeyHash, createdMs, signature } = identity.inceptions[0];
  const rotations = identity.rotations.map(
    ({ name: _name, seeds: _seeds, bytes: _bytes, ...rotation }: Json) => rotation,
  );
  const inception = { cluster, nextKeyHash, createdMs, signature };
  return structuredClone({ kind: 'key-log', inception, rotations });
}

export function certificates(): Json[] {
  return identity.certificates.map(
    ({ name: _name, seed: _seed, bytes: _bytes, ...certificate }: Json) => ({
      kind: 'certificate',
      ...certificate,
    }),
  );
}

// ---- tampering: everywhere in what is signed ----

/** Every place in a piece of evidence that holds a number or a text. */
export function places(value: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) {
    return [path];
  }
  return Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]));
}

export function spoil(value: Json, path: readonly string[]): Json {
  const [key = '', ...rest] = path;
  const old = value[key];
  const spoilt = rest.length > 0 ? spoil(old, rest) : otherThan(old);
  return Array.isArray(value)
    ? value.map((each, at) => (String(at) === key ? spoilt : each))
    : { ...value, [key]: spoilt };
}

export function otherThan(value: Json): Json {
  if (typeof value === 'number') {
    return value + 1;
  }
  if (typeof value === 'boolean') {
    return !value;
  }
  const last = String(value).at(-1);
  return `${String(value).slice(0, -1)}${last === '0' ? '1' : '0'}`;
}

/** Spoils one place of one item at a time: each time the whole must fail, and say why. */
export function expectEverySpoilingFound(items: readonly Json[], at: number): void {
  for (const path of places(items[at])) {
    const spoilt = items.map((item, index) => (index === at ? spoil(item, path) : item));
    const report = check(spoilt);
    const place = path.join('.');
    expect({ place, verified: report.verified }).toEqual({ place, verified: false });
    expect(refusals(report)[0]).toMatch(/\w+ \w+/);
  }
}

/** Bytes as hex, everywhere. */
export function evidenceOf(head: object): Json {
  const hexed = (value: unknown): unknown => {
    if (value instanceof Uint8Array) {
      return Buffer.from(value).toString('hex');
    }
    if (Array.isArray(value)) {
      return value.map(hexed);
    }
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hexed(inner)]))
      : value;
  };
  return { kind: 'head', ...(hexed(head) as object) };
}
