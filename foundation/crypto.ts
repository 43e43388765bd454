// The primitives every proof is made of: BLAKE3-256 and Ed25519 (RFC 8032). Drivers: crypto-node.

export interface Hasher {
  update(bytes: Uint8Array): Hasher;
  /** 32 bytes; the hasher is used up. */
  digest(): Uint8Array;
}

export interface Crypto {
  /** BLAKE3-256: 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  hasher(): Hasher;
  /** The 32-byte public key of a 32-byte secret seed. */
  publicKey(seed: Uint8Array): Uint8Array;
  /** A 64-byte signature. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for a wrong signature and for a malformed key alike; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
