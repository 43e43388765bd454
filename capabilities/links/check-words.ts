// Six words that both sides of a new link compare by voice: 48 bits of a hash over both clusters
// and both nonces, so that whoever took the token in between shows other words.
import { fromHex, hashTranscript, type ClusterId, type Crypto } from '@hansa/foundation';
import { checkWordList } from './word-list.ts';

export const checkWordsCount = 6;

export function checkWords(
  crypto: Crypto,
  sides: {
    readonly inviter: ClusterId;
    readonly inviterNonce: Uint8Array;
    readonly accepter: ClusterId;
    readonly accepterNonce: Uint8Array;
  },
): string {
  const hash = hashTranscript(crypto, 'hansa/check-words/1', [
    fromHex(sides.inviter),
    fromHex(sides.accepter),
    sides.inviterNonce,
    sides.accepterNonce,
  ]);
  return Array.from(hash.subarray(0, checkWordsCount), (byte) => checkWordList[byte] ?? '').join(
    ' ',
  );
}

/** Case, spacing and hyphens do not matter to people. */
export function sameWords(a: string, b: string): boolean {
  const plain = (text: string): string =>
    text
      .toLowerCase()
      .split(/[\s,-]+/)
      .join(' ')
      .trim();
  return plain(a) === plain(b);
}
