// Writing what is about a connection and its lists.
import { featureByte, federationFlags } from './codes.ts';
import type { FrameWriter } from './frame-writer.ts';
import {
  federationOps,
  signalTypes,
  type AckMessage,
  type AnnounceMessage,
  type ErrorMessage,
  type FederationMessage,
  type HelloMessage,
  type ResultMessage,
  type SignalMeta,
  type SignalSummary,
  type SyncMessage,
  type WelcomeMessage,
} from './messages.ts';

export function writeHello(writer: FrameWriter, message: HelloMessage): void {
  writer.u8(message.version);
  writer.u8(featureByte(message.features));
  writer.text(message.name);
  writer.text(message.token ?? '');
}

export function writeWelcome(writer: FrameWriter, message: WelcomeMessage): void {
  writer.u8(message.version);
  writer.u8(featureByte(message.features));
  writer.u64(message.time);
  writer.text(message.session);
  writer.text(message.name);
  writer.text(message.token ?? '');
}

export function writeAnnounce(writer: FrameWriter, message: AnnounceMessage): void {
  writer.text(message.namespace);
  writer.count(message.signals.length);
  for (const signal of message.signals) {
    writeSummary(writer, signal, signal.meta === undefined ? 0 : 4);
    if (signal.meta !== undefined) {
      writeMeta(writer, signal.meta);
    }
  }
}

function writeSummary(writer: FrameWriter, signal: SignalSummary, more: number): void {
  writer.text(signal.address);
  writer.u8(signalTypes.indexOf(signal.signal));
  writer.u8((signal.datatype === undefined ? 0 : 1) | (signal.access === undefined ? 0 : 2) | more);
  if (signal.datatype !== undefined) {
    writer.text(signal.datatype);
  }
  if (signal.access !== undefined) {
    writer.text(signal.access);
  }
}

function writeMeta(writer: FrameWriter, meta: SignalMeta): void {
  writer.u8(
    (meta.unit === undefined ? 0 : 1) |
      (meta.range === undefined ? 0 : 2) |
      (meta.default === undefined ? 0 : 4) |
      (meta.description === undefined ? 0 : 8),
  );
  if (meta.unit !== undefined) {
    writer.text(meta.unit);
  }
  if (meta.range !== undefined) {
    writer.f64(meta.range.min);
    writer.f64(meta.range.max);
  }
  if (meta.default !== undefined) {
    writer.value(meta.default);
  }
  if (meta.description !== undefined) {
    writer.text(meta.description);
  }
}

export function writeResult(writer: FrameWriter, message: ResultMessage): void {
  writer.count(message.signals.length);
  for (const signal of message.signals) {
    writeSummary(writer, signal, 0);
  }
}

export function writeFederation(writer: FrameWriter, message: FederationMessage): void {
  const { since, origin } = message;
  writer.u8(federationOps.indexOf(message.op) + 1);
  writer.count(message.patterns.length);
  for (const pattern of message.patterns) {
    writer.text(pattern);
  }
  writer.count(message.revisions.length);
  for (const { address, revision } of message.revisions) {
    writer.text(address);
    writer.u64(revision);
  }
  writer.u8(
    (since === undefined ? 0 : federationFlags.since) |
      (origin === undefined ? 0 : federationFlags.origin),
  );
  if (since !== undefined) {
    writer.u64(since);
  }
  if (origin !== undefined) {
    writer.text(origin);
  }
}

export function writeSync(writer: FrameWriter, { t1, t2, t3 }: SyncMessage): void {
  writer.u8((t2 === undefined ? 0 : 1) | (t3 === undefined ? 0 : 2));
  writer.u64(t1);
  if (t2 !== undefined) {
    writer.u64(t2);
  }
  if (t3 !== undefined) {
    writer.u64(t3);
  }
}

export function writeAck(writer: FrameWriter, message: AckMessage): void {
  const { address, revision, locked, holder, correlationId } = message;
  writer.u8(
    (address === undefined ? 0 : 1) |
      (revision === undefined ? 0 : 2) |
      (locked === undefined ? 0 : 4) |
      (holder === undefined ? 0 : 8) |
      (correlationId === undefined ? 0 : 0x10),
  );
  if (address !== undefined) {
    writer.text(address);
  }
  if (revision !== undefined) {
    writer.u64(revision);
  }
  if (locked !== undefined) {
    writer.u8(locked ? 1 : 0);
  }
  if (holder !== undefined) {
    writer.text(holder);
  }
  if (correlationId !== undefined) {
    writer.u32(correlationId);
  }
}

export function writeError(writer: FrameWriter, message: ErrorMessage): void {
  const { address, correlationId } = message;
  writer.u16(message.code);
  writer.text(message.message);
  writer.u8((address === undefined ? 0 : 1) | (correlationId === undefined ? 0 : 2));
  if (address !== undefined) {
    writer.text(address);
  }
  if (correlationId !== undefined) {
    writer.u32(correlationId);
  }
}
