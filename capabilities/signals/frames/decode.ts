// From the bytes of one frame to its message. Whatever the bytes are, this gives a frame or throws
// SIGNAL_FRAME_INVALID, in time and memory proportional to them.
import { bundleFlags, frameFlags, frameMagic, messageCodes } from './codes.ts';
import { Cursor } from './cursor.ts';
import {
  readAck,
  readAnnounce,
  readError,
  readFederation,
  readHello,
  readResult,
  readSync,
  readWelcome,
} from './decode-session.ts';
import { readPublish, readReplay, readSet, readSnapshot, readSubscribe } from './decode-signals.ts';
import { decodeLegacy, isLegacy } from './legacy.ts';
import { bundleDepthMax } from './limits.ts';
import { malformed } from './malformed.ts';
import type { BundleMember, BundleMessage, Qos, SignalFrame, SignalMessage } from './messages.ts';

type Reader = (cursor: Cursor) => SignalMessage;

/** By the code that a payload begins with; bundles, which hold payloads, stand for themselves. */
const readers: readonly (Reader | undefined)[] = table({
  [messageCodes.hello]: readHello,
  [messageCodes.welcome]: readWelcome,
  [messageCodes.announce]: readAnnounce,
  [messageCodes.federation]: readFederation,
  [messageCodes.subscribe]: readSubscribe,
  [messageCodes.unsubscribe]: (cursor) => ({ type: 'unsubscribe', id: cursor.u32() }),
  [messageCodes.publish]: readPublish,
  [messageCodes.set]: readSet,
  [messageCodes.get]: (cursor) => ({ type: 'get', address: cursor.text() }),
  [messageCodes.snapshot]: readSnapshot,
  [messageCodes.replay]: readReplay,
  [messageCodes.sync]: readSync,
  [messageCodes.ping]: () => ({ type: 'ping' }),
  [messageCodes.pong]: () => ({ type: 'pong' }),
  [messageCodes.ack]: readAck,
  [messageCodes.error]: readError,
  [messageCodes.query]: (cursor) => ({ type: 'query', pattern: cursor.text() }),
  [messageCodes.result]: readResult,
});

function table(entries: Readonly<Record<number, Reader>>): readonly (Reader | undefined)[] {
  return Array.from({ length: 0x100 }, (_, code) => entries[code]);
}

/** Bytes after the announced length are left alone. */
export function decodeFrame(bytes: Uint8Array): SignalFrame {
  const cursor = new Cursor(bytes);
  if (cursor.u8() !== frameMagic) {
    throw malformed('the frame does not begin with 0x53');
  }
  const flags = cursor.u8();
  const length = cursor.u16();
  const timestamp = (flags & frameFlags.timestamp) === 0 ? undefined : cursor.u64();
  const payload = cursor.view(length);
  const legacy = isLegacy(payload);
  const message = legacy ? decodeLegacy(payload) : decodePayload(payload);
  const whole = cursor.at === bytes.length ? bytes : bytes.subarray(0, cursor.at);
  return { qos: qosIn(flags), timestamp, message, payload, legacy, bytes: whole };
}

/** The reserved level counts as none. */
function qosIn(flags: number): Qos {
  const qos = flags >> 6;
  return qos === 1 || qos === 2 ? qos : 0;
}

/** A payload in the compact encoding, without its frame. */
export function decodePayload(payload: Uint8Array): SignalMessage {
  return readMessage(payload, 0);
}

function readMessage(payload: Uint8Array, depth: number): SignalMessage {
  const cursor = new Cursor(payload);
  const code = cursor.u8();
  if (code === messageCodes.bundle) {
    return readBundle(cursor, depth + 1);
  }
  const reader = readers[code];
  if (reader === undefined) {
    throw malformed(`0x${code.toString(16)} is no code of a message`);
  }
  return reader(cursor);
}

function readBundle(cursor: Cursor, depth: number): BundleMessage {
  if (depth > bundleDepthMax) {
    throw malformed(`bundles are nested deeper than ${bundleDepthMax}`);
  }
  const flags = cursor.u8();
  const count = cursor.u16();
  const timestamp = (flags & bundleFlags.timestamp) === 0 ? undefined : cursor.u64();
  const members: BundleMember[] = [];
  for (let i = 0; i < count; i += 1) {
    const payload = cursor.view(cursor.u16());
    members.push({ message: readMessage(payload, depth), payload });
  }
  return { type: 'bundle', timestamp, members };
}
