// What seals bytes before they reach a disk. The driver sealing-age makes one under a key from
// outside the data folder; stores and key files are given it.

export interface Sealer {
  /** `context` says what the bytes are and where they belong: elsewhere they do not open. */
  seal(context: Uint8Array, plain: Uint8Array): Uint8Array;
  /** STORE_DAMAGED where these are not bytes that were sealed for this very place. */
  open(context: Uint8Array, sealed: Uint8Array): Uint8Array;
  /** Whether it was sealed under the data key that seals now; false while a rotation goes on. */
  isCurrent(sealed: Uint8Array): boolean;
}

/** No text and no packed list begins with it: what is sealed can be told from what is not. */
export const sealedMark = 0xc1;

export function isSealed(bytes: Uint8Array): boolean {
  return bytes[0] === sealedMark;
}
