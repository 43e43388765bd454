// Signatures that were found good once: who comes again with the same token is not verified anew.
// Whether its key still counts, and all else about it, is asked every time.
import { createRecent, equalBytes, toHex, type Crypto } from '@hansa/foundation';

// tokens in use at the same time, with those that they descend from; about 2 MiB
export const rememberedSignaturesMax = 4_096;

/** Bad ones are never remembered: whoever sends them pays with their own limit. */
export function rememberingSignatures(crypto: Crypto, max: number): Crypto {
  const good = createRecent<string, Uint8Array>(max);
  return {
    hash: (bytes) => crypto.hash(bytes),
    hasher: () => crypto.hasher(),
    publicKey: (seed) => crypto.publicKey(seed),
    sign: (seed, message) => crypto.sign(seed, message),
    verify(publicKey, message, signature) {
      const id = `${toHex(publicKey)}${toHex(signature)}`;
      const known = good.get(id);
      if (known !== undefined && equalBytes(known, message)) {
        return true;
      }
      const isGood = crypto.verify(publicKey, message, signature);
      if (isGood) {
        good.set(id, message);
      }
      return isGood;
    },
  };
}
