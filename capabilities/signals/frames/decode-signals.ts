// Reading what moves signals: subscriptions, writes, publications, snapshots. Every message of a
// kind is made with all its fields, in one order, so that the engine has one shape for each.
import { publishFlags, publishKinds, replayFlags, setFlags } from './codes.ts';
import type { Cursor } from './cursor.ts';
import { signalOf } from './decode-session.ts';
import { malformed } from './malformed.ts';
import {
  allTypesMask,
  gesturePhases,
  type PublishMessage,
  type ReplayMessage,
  type SetMessage,
  type SnapshotMessage,
  type SnapshotParam,
  type SubscribeMessage,
  type WireValue,
} from './messages.ts';
import { typedValue, valueData } from './value-checking.ts';

const sampleBytes = 8;
const rateBytes = 4;

export function readSubscribe(cursor: Cursor): SubscribeMessage {
  const id = cursor.u32();
  const pattern = cursor.text();
  const types = readMask(cursor);
  const has = cursor.u8();
  const maxRate = (has & 1) === 0 ? undefined : cursor.u32();
  const epsilon = (has & 2) === 0 ? undefined : cursor.f64();
  const history = (has & 4) === 0 ? undefined : cursor.u32();
  const window = (has & 8) === 0 ? undefined : cursor.u32();
  return { type: 'subscribe', id, pattern, types, maxRate, epsilon, history, window };
}

/** No type at all means no filter. */
function readMask(cursor: Cursor): number {
  const mask = cursor.u8();
  return mask === 0 ? allTypesMask : mask;
}

export function readPublish(cursor: Cursor): PublishMessage {
  const flags = cursor.u8();
  const address = cursor.text();
  const kind = cursor.u8();
  let value: WireValue | undefined;
  let samples: Uint8Array | undefined;
  if (kind === publishKinds.value) {
    value = typedValue(cursor);
  } else if (kind === publishKinds.samples) {
    samples = cursor.view(cursor.u16() * sampleBytes);
  } else if (kind !== publishKinds.nothing) {
    throw malformed('a PUBLISH carries neither a value nor samples nor nothing');
  }
  const timestamp = (flags & publishFlags.timestamp) === 0 ? undefined : cursor.u64();
  const id = (flags & publishFlags.id) === 0 ? undefined : cursor.u32();
  // No flag tells of a rate: it is there where bytes for it are left.
  const rate = cursor.left < rateBytes ? undefined : cursor.u32();
  const signal = signalOf(flags >> 5);
  const phase = gesturePhases[flags & publishFlags.phase] ?? 'start';
  return { type: 'publish', address, signal, phase, value, samples, timestamp, id, rate };
}

export function readSet(cursor: Cursor): SetMessage {
  const flags = cursor.u8();
  const address = cursor.text();
  const value = valueData(cursor, flags & setFlags.type);
  const revision = (flags & setFlags.revision) === 0 ? undefined : cursor.u64();
  const ttl = (flags & setFlags.ttl) === 0 ? undefined : cursor.u32();
  const lock = (flags & setFlags.lock) !== 0;
  const unlock = (flags & setFlags.unlock) !== 0;
  return { type: 'set', address, value, revision, lock, unlock, ttl };
}

export function readSnapshot(cursor: Cursor): SnapshotMessage {
  const params: SnapshotParam[] = [];
  for (let left = cursor.u16(); left > 0; left -= 1) {
    params.push(readParam(cursor));
  }
  return { type: 'snapshot', params };
}

function readParam(cursor: Cursor): SnapshotParam {
  const address = cursor.text();
  const value = typedValue(cursor);
  const revision = cursor.u64();
  const has = cursor.u8();
  const writer = (has & 1) === 0 ? undefined : cursor.text();
  const timestamp = (has & 2) === 0 ? undefined : cursor.u64();
  return { address, value, revision, writer, timestamp };
}

export function readReplay(cursor: Cursor): ReplayMessage {
  const flags = cursor.u8();
  const pattern = cursor.text();
  const from = (flags & replayFlags.from) === 0 ? undefined : cursor.u64();
  const to = (flags & replayFlags.to) === 0 ? undefined : cursor.u64();
  const limit = (flags & replayFlags.limit) === 0 ? undefined : cursor.u32();
  return { type: 'replay', pattern, from, to, limit, types: readMask(cursor) };
}
