// Writing what moves signals: subscriptions, writes, publications, snapshots, bundles.
import { bundleFlags, publishFlags, publishKinds, replayFlags, setFlags } from './codes.ts';
import type { FrameWriter } from './frame-writer.ts';
import {
  gesturePhases,
  signalTypes,
  type BundleMessage,
  type PublishMessage,
  type ReplayMessage,
  type SetMessage,
  type SnapshotMessage,
  type SnapshotParam,
  type SubscribeMessage,
} from './messages.ts';
import { textLength } from './text.ts';

const sampleBytes = 8;

export function writeSubscribe(writer: FrameWriter, message: SubscribeMessage): void {
  const { maxRate, epsilon, history, window } = message;
  writer.u32(message.id);
  writer.text(message.pattern);
  writer.u8(message.types);
  writer.u8(
    (maxRate === undefined ? 0 : 1) |
      (epsilon === undefined ? 0 : 2) |
      (history === undefined ? 0 : 4) |
      (window === undefined ? 0 : 8),
  );
  if (maxRate !== undefined) {
    writer.u32(maxRate);
  }
  if (epsilon !== undefined) {
    writer.f64(epsilon);
  }
  if (history !== undefined) {
    writer.u32(history);
  }
  if (window !== undefined) {
    writer.u32(window);
  }
}

export function writePublish(writer: FrameWriter, message: PublishMessage): void {
  const { timestamp, id, rate } = message;
  const phase = message.phase === undefined ? 0 : gesturePhases.indexOf(message.phase);
  writer.u8(
    (signalTypes.indexOf(message.signal ?? 'event') << 5) |
      (timestamp === undefined ? 0 : publishFlags.timestamp) |
      (id === undefined ? 0 : publishFlags.id) |
      phase,
  );
  writer.text(message.address);
  writeContent(writer, message);
  if (timestamp !== undefined) {
    writer.u64(timestamp);
  }
  if (id !== undefined) {
    writer.u32(id);
  }
  if (rate !== undefined) {
    writer.u32(rate);
  }
}

function writeContent(writer: FrameWriter, { value, samples }: PublishMessage): void {
  if (value !== undefined) {
    writer.u8(publishKinds.value);
    writer.value(value);
  } else if (samples !== undefined) {
    writer.u8(publishKinds.samples);
    writer.count(Math.floor(samples.length / sampleBytes));
    writer.raw(samples);
  } else {
    writer.u8(publishKinds.nothing);
  }
}

export function writeSet(writer: FrameWriter, message: SetMessage): void {
  const { value, revision, ttl } = message;
  writer.u8(
    value.type |
      (revision === undefined ? 0 : setFlags.revision) |
      (message.lock ? setFlags.lock : 0) |
      (message.unlock ? setFlags.unlock : 0) |
      (ttl === undefined ? 0 : setFlags.ttl),
  );
  writer.text(message.address);
  writer.raw(value.data);
  if (revision !== undefined) {
    writer.u64(revision);
  }
  if (ttl !== undefined) {
    writer.u32(ttl);
  }
}

export function writeSnapshot(writer: FrameWriter, { params }: SnapshotMessage): void {
  writer.count(params.length);
  for (const param of params) {
    writeParam(writer, param);
  }
}

function writeParam(writer: FrameWriter, param: SnapshotParam): void {
  writer.text(param.address);
  writer.value(param.value);
  writer.u64(param.revision);
  writer.u8((param.writer === undefined ? 0 : 1) | (param.timestamp === undefined ? 0 : 2));
  if (param.writer !== undefined) {
    writer.text(param.writer);
  }
  if (param.timestamp !== undefined) {
    writer.u64(param.timestamp);
  }
}

/** What `writeParam` writes: two lengths, a type, a revision and a byte of flags around it. */
export function snapshotEntryLength(param: SnapshotParam): number {
  return (
    12 +
    textLength(param.address) +
    param.value.data.length +
    (param.writer === undefined ? 0 : 2 + textLength(param.writer)) +
    (param.timestamp === undefined ? 0 : 8)
  );
}

export function writeReplay(writer: FrameWriter, message: ReplayMessage): void {
  const { from, to, limit } = message;
  writer.u8(
    (from === undefined ? 0 : replayFlags.from) |
      (to === undefined ? 0 : replayFlags.to) |
      (limit === undefined ? 0 : replayFlags.limit),
  );
  writer.text(message.pattern);
  if (from !== undefined) {
    writer.u64(from);
  }
  if (to !== undefined) {
    writer.u64(to);
  }
  if (limit !== undefined) {
    writer.u32(limit);
  }
  writer.u8(message.types);
}

export function writeBundle(writer: FrameWriter, { timestamp, members }: BundleMessage): void {
  writer.u8(timestamp === undefined ? 0 : bundleFlags.timestamp);
  writer.count(members.length);
  if (timestamp !== undefined) {
    writer.u64(timestamp);
  }
  for (const { payload } of members) {
    writer.counted(payload);
  }
}
