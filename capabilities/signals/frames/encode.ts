// From a message to the bytes of its frame, always in the compact encoding. Throws
// SIGNAL_FRAME_TOO_LARGE where the message does not fit into one.
import { binaryVersion, frameFlags, frameMagic, messageCodes, qosOf } from './codes.ts';
import {
  writeAck,
  writeAnnounce,
  writeError,
  writeFederation,
  writeHello,
  writeResult,
  writeSync,
  writeWelcome,
} from './encode-session.ts';
import {
  snapshotEntryLength,
  writeBundle,
  writePublish,
  writeReplay,
  writeSet,
  writeSnapshot,
  writeSubscribe,
} from './encode-signals.ts';
import { FrameWriter } from './frame-writer.ts';
import { frameTimestampBytes, headerBytes, snapshotEntryBytesMax } from './limits.ts';
import type { BundleMember, Qos, SignalFrame, SignalMessage, SnapshotParam } from './messages.ts';

export interface FrameOptions {
  /** What encoders of this protocol give such a message, where it is left out. */
  readonly qos?: Qos;
  /** Microseconds; nobody needs it. */
  readonly timestamp?: number | undefined;
}

type Writer<T extends SignalMessage['type']> = (
  writer: FrameWriter,
  message: Extract<SignalMessage, { readonly type: T }>,
) => void;

const writers: { readonly [T in SignalMessage['type']]: Writer<T> } = {
  hello: writeHello,
  welcome: writeWelcome,
  announce: writeAnnounce,
  federation: writeFederation,
  subscribe: writeSubscribe,
  unsubscribe: (writer, { id }) => writer.u32(id),
  publish: writePublish,
  set: writeSet,
  get: (writer, { address }) => writer.text(address),
  snapshot: writeSnapshot,
  replay: writeReplay,
  bundle: writeBundle,
  sync: writeSync,
  ping: () => undefined,
  pong: () => undefined,
  ack: writeAck,
  error: writeError,
  query: (writer, { pattern }) => writer.text(pattern),
  result: writeResult,
};

// One for all: writing is over before anything else runs.
const scratch = new FrameWriter();

export function encodeFrame(message: SignalMessage, options: FrameOptions = {}): Uint8Array {
  write(message);
  return framed(scratch, options.qos ?? qosOf(message), options.timestamp);
}

/** The payload alone, as bundles hold it. */
export function encodePayload(message: SignalMessage): Uint8Array {
  write(message);
  return scratch.cut(scratch.start);
}

/** A frame around a payload that is there already. */
export function frameAround(payload: Uint8Array, options: FrameOptions = {}): Uint8Array {
  scratch.reset();
  scratch.raw(payload);
  return framed(scratch, options.qos ?? 0, options.timestamp);
}

/** A frame around the payload that somebody has written. */
export function frameOfWritten(writer: FrameWriter, options: FrameOptions = {}): Uint8Array {
  return framed(writer, options.qos ?? 0, options.timestamp);
}

/**
 * A received frame as others may get it: the very bytes where its header says nothing that was
 * meant for us alone, and never an encoding that some of them cannot read.
 */
export function relayedFrame(frame: SignalFrame): Uint8Array {
  if (frame.legacy) {
    return encodeFrame(frame.message, { qos: frame.qos });
  }
  const flags = (frame.bytes[1] ?? 0) & 0x3f;
  return flags === binaryVersion ? frame.bytes : frameAround(frame.payload, { qos: frame.qos });
}

export function bundleMember(message: SignalMessage): BundleMember {
  return { message, payload: encodePayload(message) };
}

/**
 * All of them in as few frames as hold them, at least one; each entry must be within
 * `snapshotEntryBytesMax`, which `snapshotEntryLength` tells.
 */
export function snapshotFrames(params: Iterable<SnapshotParam>): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  let chunk: SnapshotParam[] = [];
  let length = 0;
  for (const param of params) {
    const more = snapshotEntryLength(param);
    if (length + more > snapshotEntryBytesMax && chunk.length > 0) {
      frames.push(encodeFrame({ type: 'snapshot', params: chunk }));
      chunk = [];
      length = 0;
    }
    chunk.push(param);
    length += more;
  }
  if (chunk.length > 0 || frames.length === 0) {
    frames.push(encodeFrame({ type: 'snapshot', params: chunk }));
  }
  return frames;
}

function write<T extends SignalMessage['type']>(
  message: Extract<SignalMessage, { readonly type: T }>,
): void {
  const type: T = message.type;
  scratch.reset();
  scratch.u8(messageCodes[type]);
  writers[type](scratch, message);
}

/** Writes the header into the room before the payload, and hands out both. */
function framed(writer: FrameWriter, qos: Qos, timestamp: number | undefined): Uint8Array {
  const length = writer.payloadLength;
  const start = writer.start - headerBytes - (timestamp === undefined ? 0 : frameTimestampBytes);
  const end = writer.at;
  writer.at = start;
  writer.u8(frameMagic);
  writer.u8((qos << 6) | (timestamp === undefined ? 0 : frameFlags.timestamp) | binaryVersion);
  writer.u16(length);
  if (timestamp !== undefined) {
    writer.u64(timestamp);
  }
  writer.at = end;
  return writer.cut(start);
}
