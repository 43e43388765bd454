// Signs tokens of the protocol's own form by a key in a file: for routers that stand by themselves
// and trust that key.
import { makeCapToken, requireScopes } from '@hansa/capabilities/signals/capability';
import { createNodeCrypto } from '@hansa/crypto-node';
import { fromHex, HansaError, toHex } from '@hansa/foundation';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';

const secondMs = 1_000;
const nonceBytes = 16;

export interface SignedToken {
  readonly token: string;
  /** Of the key, in hex: what a router is told to trust. */
  readonly key: string;
  readonly scopes: readonly string[];
  readonly expiresMs: number;
}

/** KEY_MALFORMED where the key is none, CONFIG_INVALID where a scope is, INPUT_INVALID. */
export function signSignalToken(asked: {
  /** A key file's one line: 64 hex digits. */
  readonly key: string;
  readonly scopes: readonly string[];
  readonly ttlMs: number;
}): SignedToken {
  const { scopes, ttlMs } = asked;
  if (!/^[0-9a-f]{64}$/.test(asked.key)) {
    throw new HansaError('KEY_MALFORMED', 'the key file is not 64 lower-case hex digits', {
      fix: 'make one: hansa token keygen --out <file>',
    });
  }
  if (!(ttlMs > 0)) {
    throw new HansaError('INPUT_INVALID', 'a token that expires at once is of no use', {
      fix: 'give it some time, for example --ttl 7d',
    });
  }
  const seed = fromHex(asked.key);
  requireScopes(scopes);
  const crypto = createNodeCrypto();
  // Whole seconds are what such a token knows.
  const expiresSeconds = Math.ceil((createSystemClock().now() + ttlMs) / secondMs);
  const nonce = toHex(createSystemRandom().bytes(nonceBytes));
  return {
    token: makeCapToken({ crypto, seed, scopes, expiresSeconds, nonce }),
    key: toHex(crypto.publicKey(seed)),
    scopes,
    expiresMs: expiresSeconds * secondMs,
  };
}
