// The encoding of what is stored and sent. Never of what is hashed or signed: that is
// `transcript.ts`.

export interface Codec {
  encode(value: unknown): Uint8Array;
  /**
   * Throws INPUT_INVALID on bytes that are not one whole value. Byte strings decode to Uint8Array.
   */
  decode(bytes: Uint8Array): unknown;
}
