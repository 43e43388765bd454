// Capability tokens as the published implementation makes them, and as a forger would: written by
// another encoder than the one that judges them.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { toBase64Url } from '@hansa/foundation';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();

export interface CapTokenParts {
  readonly seed: Uint8Array;
  readonly scopes: readonly string[];
  readonly expiresSeconds: number;
  readonly version?: number;
  /** Of whoever else; that of the seed by default. */
  readonly issuer?: Uint8Array;
  readonly audience?: Uint8Array;
  readonly proofs?: readonly {
    readonly issuer: readonly number[];
    readonly scopes: readonly string[];
    readonly signature: Uint8Array;
  }[];
  /** What the token says in the end, whatever was signed. */
  readonly claimed?: Readonly<Record<string, unknown>>;
}

export function capToken(parts: CapTokenParts): string {
  const { seed, scopes, expiresSeconds, version = 1, audience, proofs = [] } = parts;
  const issuer = [...(parts.issuer ?? crypto.publicKey(seed))];
  const nonce = '6f1c9a52-6d0e-4c57-9f0e-0d6d1f0c2b11';
  const named = audience === undefined ? undefined : [...audience];
  const signed = codec.encode({
    version,
    issuer,
    audience: named ?? null,
    scopes,
    expires_at: expiresSeconds,
    nonce,
    proofs,
  });
  const token = codec.encode({
    version,
    issuer,
    ...(named === undefined ? {} : { audience: named }),
    scopes,
    expires_at: expiresSeconds,
    nonce,
    ...(proofs.length === 0 ? {} : { proofs }),
    signature: crypto.sign(seed, signed),
    ...parts.claimed,
  });
  return `cap_${toBase64Url(token)}`;
}
