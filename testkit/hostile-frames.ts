// Bytes that pretend to be signal frames: golden frames bent at random, and noise. What the frames
// promise about any bytes is checked of each one.
import { readFileSync } from 'node:fs';

import { decodeFrame, decodePayload } from '@hansa/capabilities/signals/frames/decode';
import { encodePayload, relayedFrame } from '@hansa/capabilities/signals/frames/encode';
import type {
  SignalFrame,
  SignalMessage,
  WireValue,
} from '@hansa/capabilities/signals/frames/messages';
import { readValue } from '@hansa/capabilities/signals/frames/values';
import { concatBytes, equalBytes, fromHex, isHansaError } from '@hansa/foundation';
import type { SeededRandom } from './seeded-random.ts';

const noiseBytesMax = 200; // long noise fails at its first byte as short noise does
const bendsMax = 4; // more of them leave nothing that gets past the header
const deepBytes = Uint8Array.of(0x0a, 0x00, 0x01); // an array of one, again and again

/** Every frame of the vectors, those that are refused among them. */
export function goldenFrames(): readonly Uint8Array[] {
  const url = new URL('../protocol/vectors/clasp.json', import.meta.url);
  const vectors: Readonly<Record<string, readonly { readonly frame: string }[]>> = JSON.parse(
    readFileSync(url, 'utf8'),
  );
  return ['frames', 'lenient', 'refused'].flatMap((part) =>
    (vectors[part] ?? []).map(({ frame }) => fromHex(frame)),
  );
}

export function hostileFrame(random: SeededRandom, golden: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.05)) {
    return random.bytes(random.integer(noiseBytesMax));
  }
  let bytes: Uint8Array = random.pick(golden).slice();
  for (let bends = 1 + random.integer(bendsMax); bends > 0; bends -= 1) {
    bytes = bent(random, bytes, golden);
  }
  return random.chance(0.8) ? withLength(bytes) : bytes;
}

function bent(random: SeededRandom, bytes: Uint8Array, golden: readonly Uint8Array[]): Uint8Array {
  const at = random.integer(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.integer(7)) {
    case 0:
      return head;
    case 1:
      return concatBytes([head, random.bytes(1 + random.integer(4)), tail]);
    case 2:
      return concatBytes([head, tail.subarray(1 + random.integer(4))]);
    case 3:
      return concatBytes([head, Uint8Array.of(0xff, 0xff), tail.subarray(2)]);
    case 4: {
      const other = random.pick(golden);
      return concatBytes([head, other.subarray(random.integer(other.length + 1))]);
    }
    case 5:
      return concatBytes([head, ...Array.from({ length: random.integer(60) }, () => deepBytes)]);
    default:
      bytes[at] = random.integer(256);
      return bytes;
  }
}

/** The announced length made right, so that the payload is what is wrong. */
function withLength(bytes: Uint8Array): Uint8Array {
  const header = ((bytes[1] ?? 0) & 0x20) === 0 ? 4 : 12;
  if (bytes.length < header) {
    return bytes;
  }
  bytes[0] = 0x53;
  bytes[2] = (bytes.length - header) >> 8;
  bytes[3] = bytes.length - header;
  return bytes;
}

/** Whether they were a frame. Throws where something else came of them than was promised. */
export function tryFrame(bytes: Uint8Array): boolean {
  let frame: SignalFrame;
  try {
    frame = decodeFrame(bytes);
  } catch (error) {
    if (isHansaError(error, 'SIGNAL_FRAME_INVALID')) {
      return false;
    }
    throw error;
  }
  valuesOf(frame.message).forEach(readValue);
  const payload = writtenAgain(frame.message);
  if (
    payload !== undefined &&
    !equalBytes(payload, writtenAgain(decodePayload(payload)) ?? bytes)
  ) {
    throw new Error('the message changes from one writing to the next');
  }
  if (payload !== undefined || !frame.legacy) {
    decodeFrame(relayedFrame(frame));
  }
  return true;
}

/** Undefined where it came in an encoding that says more in fewer bytes. */
function writtenAgain(message: SignalMessage): Uint8Array | undefined {
  try {
    return encodePayload(message);
  } catch (error) {
    if (isHansaError(error, 'SIGNAL_FRAME_TOO_LARGE')) {
      return undefined;
    }
    throw error;
  }
}

function valuesOf(message: SignalMessage): readonly WireValue[] {
  switch (message.type) {
    case 'set':
      return [message.value];
    case 'publish':
      return message.value === undefined ? [] : [message.value];
    case 'snapshot':
      return message.params.map(({ value }) => value);
    case 'bundle':
      return message.members.flatMap((member) => valuesOf(member.message));
    default:
      return [];
  }
}
