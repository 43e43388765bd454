// Reading what is about a connection and its lists: who somebody is, what there is, what went well.
import { featuresOf, federationFlags } from './codes.ts';
import type { Cursor } from './cursor.ts';
import { malformed } from './malformed.ts';
import {
  federationOps,
  signalTypes,
  type AckMessage,
  type AddressRevision,
  type AnnounceMessage,
  type ErrorMessage,
  type FederationMessage,
  type HelloMessage,
  type ResultMessage,
  type SignalDefinition,
  type SignalMeta,
  type SignalSummary,
  type SignalType,
  type SyncMessage,
  type WelcomeMessage,
} from './messages.ts';
import { typedValue } from './value-checking.ts';

export function readHello(cursor: Cursor): HelloMessage {
  const version = cursor.u8();
  const features = featuresOf(cursor.u8());
  const name = cursor.text();
  return { type: 'hello', version, features, name, ...readToken(cursor) };
}

export function readWelcome(cursor: Cursor): WelcomeMessage {
  const version = cursor.u8();
  const features = featuresOf(cursor.u8());
  const time = cursor.u64();
  const session = cursor.text();
  const name = cursor.text();
  return { type: 'welcome', version, features, time, session, name, ...readToken(cursor) };
}

function readToken(cursor: Cursor): { readonly token?: string } {
  const token = cursor.text();
  return token === '' ? {} : { token };
}

export function readAnnounce(cursor: Cursor): AnnounceMessage {
  const namespace = cursor.text();
  const signals: SignalDefinition[] = [];
  for (let left = cursor.u16(); left > 0; left -= 1) {
    signals.push(readDefinition(cursor));
  }
  return { type: 'announce', namespace, signals };
}

function readDefinition(cursor: Cursor): SignalDefinition {
  const address = cursor.text();
  const signal = signalOf(cursor.u8());
  const has = cursor.u8();
  return {
    address,
    signal,
    ...((has & 1) === 0 ? {} : { datatype: cursor.text() }),
    ...((has & 2) === 0 ? {} : { access: cursor.text() }),
    ...((has & 4) === 0 ? {} : { meta: readMeta(cursor) }),
  };
}

function readMeta(cursor: Cursor): SignalMeta {
  const has = cursor.u8();
  return {
    ...((has & 1) === 0 ? {} : { unit: cursor.text() }),
    ...((has & 2) === 0 ? {} : { range: { min: cursor.f64(), max: cursor.f64() } }),
    ...((has & 4) === 0 ? {} : { default: typedValue(cursor) }),
    ...((has & 8) === 0 ? {} : { description: cursor.text() }),
  };
}

export function readResult(cursor: Cursor): ResultMessage {
  const signals: SignalSummary[] = [];
  for (let left = cursor.u16(); left > 0; left -= 1) {
    const address = cursor.text();
    const signal = signalOf(cursor.u8());
    const has = cursor.u8();
    signals.push({
      address,
      signal,
      ...((has & 1) === 0 ? {} : { datatype: cursor.text() }),
      ...((has & 2) === 0 ? {} : { access: cursor.text() }),
    });
  }
  return { type: 'result', signals };
}

/** A type that nobody knows is treated as an event: it is delivered once and not stored. */
export function signalOf(code: number): SignalType {
  return signalTypes[code] ?? 'event';
}

export function readFederation(cursor: Cursor): FederationMessage {
  const op = federationOps[cursor.u8() - 1];
  if (op === undefined) {
    throw malformed('a federation message has an operation that is not known');
  }
  const patterns: string[] = [];
  for (let left = cursor.u16(); left > 0; left -= 1) {
    patterns.push(cursor.text());
  }
  const revisions: AddressRevision[] = [];
  for (let left = cursor.u16(); left > 0; left -= 1) {
    revisions.push({ address: cursor.text(), revision: cursor.u64() });
  }
  const has = cursor.u8();
  const since = (has & federationFlags.since) === 0 ? undefined : cursor.u64();
  const origin = (has & federationFlags.origin) === 0 ? undefined : cursor.text();
  return { type: 'federation', op, patterns, revisions, since, origin };
}

export function readSync(cursor: Cursor): SyncMessage {
  const has = cursor.u8();
  const t1 = cursor.u64();
  const t2 = (has & 1) === 0 ? undefined : cursor.u64();
  const t3 = (has & 2) === 0 ? undefined : cursor.u64();
  return { type: 'sync', t1, t2, t3 };
}

export function readAck(cursor: Cursor): AckMessage {
  const has = cursor.u8();
  const address = (has & 1) === 0 ? undefined : cursor.text();
  const revision = (has & 2) === 0 ? undefined : cursor.u64();
  const locked = (has & 4) === 0 ? undefined : cursor.u8() !== 0;
  const holder = (has & 8) === 0 ? undefined : cursor.text();
  const correlationId = (has & 0x10) === 0 ? undefined : cursor.u32();
  return { type: 'ack', address, revision, locked, holder, correlationId };
}

export function readError(cursor: Cursor): ErrorMessage {
  const code = cursor.u16();
  const message = cursor.text();
  const has = cursor.u8();
  const address = (has & 1) === 0 ? undefined : cursor.text();
  const correlationId = (has & 2) === 0 ? undefined : cursor.u32();
  return { type: 'error', code, message, address, correlationId };
}
