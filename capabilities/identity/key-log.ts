// The bytes of a cluster's key log and whether it verifies: each record was promised by the one
// before it, so that who stole the present key cannot name the next.
import { HansaError, fromHex, toHex, transcript } from '@hansa/foundation';
import type { ClusterId, Crypto } from '@hansa/foundation';

/** What a cluster said of itself once, at its birth: its first key, and a promise of the next. */
export interface Inception {
  /** The first public key: the cluster's id for ever. */
  readonly cluster: ClusterId;
  /**
   * BLAKE3 of the next public key, hex: a thief of today's key cannot rotate to a key of his own.
   */
  readonly nextKeyHash: string;
  readonly createdMs: number;
  /** By the first key, over transcript `hansa/inception/1`. */
  readonly signature: Uint8Array;
}

/** One step from a key to the one that was promised before it. */
export interface Rotation {
  readonly cluster: ClusterId;
  /** Of the key that this record reveals: 1 for the first rotation. */
  readonly keyIndex: number;
  /** The public key whose hash the record before it promised, hex. */
  readonly key: string;
  /** BLAKE3 of the public key after it, hex. */
  readonly nextKeyHash: string;
  /** From then on nothing fresh is signed by the key before it. */
  readonly createdMs: number;
  /** By the revealed key, over transcript `hansa/rotation/1`. */
  readonly signature: Uint8Array;
  /** By the key before it, over the same; absent where that key was lost. */
  readonly previousSignature?: Uint8Array | undefined;
}

/** All keys that a cluster ever had, from its birth; each step proves the next. */
export interface KeyLog {
  readonly inception: Inception;
  /** In order: the first one reveals key 1. */
  readonly rotations: readonly Rotation[];
}

/** What one record says of one key: of two for the same step, at most one is the cluster's will. */
export interface KeyClaim {
  readonly keyIndex: number;
  readonly key: string;
  readonly nextKeyHash: string;
  readonly createdMs: number;
}

type Unsigned = Omit<Rotation, 'signature' | 'previousSignature'>;

export function inceptionBytes(inception: Omit<Inception, 'signature'>): Uint8Array {
  const { cluster, nextKeyHash, createdMs } = inception;
  return transcript('hansa/inception/1', [fromHex(cluster), fromHex(nextKeyHash), createdMs]);
}

export function rotationBytes(rotation: Unsigned): Uint8Array {
  const { cluster, keyIndex, key, nextKeyHash, createdMs } = rotation;
  return transcript('hansa/rotation/1', [
    fromHex(cluster),
    keyIndex,
    fromHex(key),
    fromHex(nextKeyHash),
    createdMs,
  ]);
}

export function makeInception(
  crypto: Crypto,
  seeds: { readonly first: Uint8Array; readonly next: Uint8Array },
  createdMs: number,
): Inception {
  const body = {
    cluster: toHex(crypto.publicKey(seeds.first)) as ClusterId,
    nextKeyHash: keyHash(crypto, seeds.next),
    createdMs,
  };
  return { ...body, signature: crypto.sign(seeds.first, inceptionBytes(body)) };
}

/** The next record of a log; without the present seed only the promised key signs it. */
export function makeRotation(
  crypto: Crypto,
  log: KeyLog,
  given: {
    readonly present: Uint8Array | undefined;
    readonly promised: Uint8Array;
    readonly after: Uint8Array;
    readonly nowMs: number;
  },
): Rotation {
  const before = presentClaim(log);
  const body: Unsigned = {
    cluster: log.inception.cluster,
    keyIndex: before.keyIndex + 1,
    key: toHex(crypto.publicKey(given.promised)),
    nextKeyHash: keyHash(crypto, given.after),
    // A clock that was set back must not date a step before the one that it follows.
    createdMs: Math.max(given.nowMs, before.createdMs),
  };
  const bytes = rotationBytes(body);
  const signature = crypto.sign(given.promised, bytes);
  return given.present === undefined
    ? { ...body, signature }
    : { ...body, signature, previousSignature: crypto.sign(given.present, bytes) };
}

/** What a log promises: hex of BLAKE3 of a seed's public key. */
export function keyHash(crypto: Crypto, seed: Uint8Array): string {
  return toHex(crypto.hash(crypto.publicKey(seed)));
}

/** One claim per key, the first key's first. */
export function claimsOf({ inception, rotations }: KeyLog): readonly KeyClaim[] {
  const { cluster, nextKeyHash, createdMs } = inception;
  return [
    { keyIndex: 0, key: cluster, nextKeyHash, createdMs },
    ...rotations.map((each) => ({
      keyIndex: each.keyIndex,
      key: each.key,
      nextKeyHash: each.nextKeyHash,
      createdMs: each.createdMs,
    })),
  ];
}

export function presentClaim(log: KeyLog): KeyClaim {
  const { cluster, nextKeyHash, createdMs } = log.inception;
  return log.rotations.at(-1) ?? { keyIndex: 0, key: cluster, nextKeyHash, createdMs };
}

/** CERTIFICATE_INVALID with the reason where any step of the log is not proven. */
export function verifyKeyLog(crypto: Crypto, log: KeyLog): void {
  const { inception } = log;
  if (!crypto.verify(fromHex(inception.cluster), inceptionBytes(inception), inception.signature)) {
    throw new HansaError('CERTIFICATE_INVALID', 'the inception record’s signature does not verify');
  }
  let before = presentClaim({ inception, rotations: [] });
  for (const rotation of log.rotations) {
    const reason = reasonAgainst(crypto, before, { rotation, cluster: inception.cluster });
    if (reason !== undefined) {
      throw new HansaError('CERTIFICATE_INVALID', `rotation ${rotation.keyIndex} ${reason}`);
    }
    before = rotation;
  }
}

function reasonAgainst(
  crypto: Crypto,
  before: KeyClaim,
  { rotation, cluster }: { readonly rotation: Rotation; readonly cluster: ClusterId },
): string | undefined {
  const { key, signature, previousSignature } = rotation;
  if (rotation.cluster !== cluster || rotation.keyIndex !== before.keyIndex + 1) {
    return 'does not follow the record before it';
  }
  if (toHex(crypto.hash(fromHex(key))) !== before.nextKeyHash) {
    return 'reveals another key than was promised';
  }
  if (rotation.createdMs < before.createdMs) {
    return 'is dated before the record that it follows';
  }
  const bytes = rotationBytes(rotation);
  const signed = crypto.verify(fromHex(key), bytes, signature);
  const agreed =
    previousSignature === undefined || crypto.verify(fromHex(before.key), bytes, previousSignature);
  return signed && agreed ? undefined : 'has a signature that does not verify';
}

/**
 * The first step for which two verified logs of one cluster say different things. Signatures are
 * not compared: a record that the lost key could not sign is the same record.
 */
export function firstFork(
  held: KeyLog,
  other: KeyLog,
): { readonly held: KeyClaim; readonly other: KeyClaim } | undefined {
  const ours = claimsOf(held);
  const theirs = claimsOf(other);
  const at = ours.findIndex((claim, index) => {
    const against = theirs[index];
    return against !== undefined && !sameClaim(claim, against);
  });
  const [mine, given] = [ours[at], theirs[at]];
  return mine === undefined || given === undefined ? undefined : { held: mine, other: given };
}

function sameClaim(a: KeyClaim, b: KeyClaim): boolean {
  return a.key === b.key && a.nextKeyHash === b.nextKeyHash && a.createdMs === b.createdMs;
}
