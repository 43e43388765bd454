// How a frame is marked off from the next one: as a WebSocket message, masked where a client sends
// it, or by its length in four bytes.
import { randomFillSync } from 'node:crypto';

/** Writes frames with what stands before them into room that was measured by itself. */
export interface Framing {
  /** Of the frame with what stands before it. */
  lengthOf(frame: Uint8Array): number;
  /** Where the next one goes. */
  put(into: Uint8Array, at: number, frame: Uint8Array): number;
}

/** Header, timestamp and the most that a frame's 16 bits of length can announce. */
export const frameBytesMax: number = 4 + 8 + 65_535;

const finalBinary = 0x82; // a whole message of bytes
const shortLengthMax = 125; // what seven bits can say beside the two longer forms
const longLength = 126; // two bytes of length follow; frames never need eight
const wideLength = 127;
const shortPayloadMax = 0xffff; // what those two bytes can say
const maskBit = 0x80;
const maskBytes = 4;

function headerLength(length: number): number {
  if (length <= shortLengthMax) {
    return 2;
  }
  return length <= shortPayloadMax ? 4 : 10;
}

/** A whole message, unfragmented; nothing that routers send needs 2^32 bytes. */
function putHeader(into: Uint8Array, at: number, length: number): number {
  into[at] = finalBinary;
  if (length <= shortLengthMax) {
    into[at + 1] = length;
    return at + 2;
  }
  if (length <= shortPayloadMax) {
    into[at + 1] = longLength;
    into[at + 2] = length >>> 8;
    into[at + 3] = length;
    return at + 4;
  }
  into[at + 1] = wideLength;
  into.fill(0, at + 2, at + 6);
  return putLength(into, at + 6, length);
}

function putLength(into: Uint8Array, at: number, length: number): number {
  into[at] = length >>> 24;
  into[at + 1] = length >>> 16;
  into[at + 2] = length >>> 8;
  into[at + 3] = length;
  return at + 4;
}

/** As servers write. */
export const webSocketFraming: Framing = {
  lengthOf: ({ length }) => headerLength(length) + length,
  put(into, at, frame) {
    const start = putHeader(into, at, frame.length);
    into.set(frame, start);
    return start + frame.length;
  },
};

/** As clients must: no proxy between takes what we send for a request of its own. */
export function createMaskedFraming(): Framing {
  const chance = new Uint8Array(1_024 * maskBytes); // drawing four bytes at a time is slow
  let used = chance.length;
  return {
    lengthOf: ({ length }) => headerLength(length) + maskBytes + length,
    put(into, at, frame) {
      if (used === chance.length) {
        randomFillSync(chance);
        used = 0;
      }
      const mask = chance.subarray(used, used + maskBytes);
      used += maskBytes;
      const maskAt = putHeader(into, at, frame.length);
      into[at + 1] = (into[at + 1] ?? 0) | maskBit;
      into.set(mask, maskAt);
      const start = maskAt + maskBytes;
      for (let i = 0; i < frame.length; i += 1) {
        into[start + i] = (frame[i] ?? 0) ^ (mask[i & 3] ?? 0);
      }
      return start + frame.length;
    },
  };
}

export const tcpHeaderBytes = 4;

export const tcpFraming: Framing = {
  lengthOf: ({ length }) => tcpHeaderBytes + length,
  put(into, at, frame) {
    const start = putLength(into, at, frame.length);
    into.set(frame, start);
    return start + frame.length;
  },
};
