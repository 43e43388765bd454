// What routers of our own say to each other beyond the published protocol: who stamped a change,
// how far it has come, and writes that are on their way to their owner. It stands behind the fields
// of a SET, where old decoders look no further; a PUBLISH, in which leftover bytes would be a rate,
// travels inside a BUNDLE and has it behind that. Sent only to who is known to be of our own kind.
import { Cursor } from '../frames/cursor.ts';
import { bundleMember, encodePayload, frameOfWritten } from '../frames/encode.ts';
import { FrameWriter } from '../frames/frame-writer.ts';
import { frameTimestampBytes, headerBytes } from '../frames/limits.ts';
import type {
  AddressRevision,
  FederationMessage,
  PublishMessage,
  SetMessage,
  SignalFrame,
} from '../frames/messages.ts';
import { textLength } from '../frames/text.ts';
import { federationLimits } from './limits.ts';

/** `HNS1`. */
const magic = 0x484e_5331;
const kinds = ['told', 'asked'] as const;
const suffixQos = 1;

export interface Suffix {
  /** A change that its owner made, or a write that its owner is asked for. */
  readonly kind: (typeof kinds)[number];
  /** Links that it has come over. */
  readonly hops: number;
  /** Of a change, when it was made; of a write, the stamp it builds upon, or 0. */
  readonly stamp: number;
  /** Of a write: what the answer has as its correlation id. */
  readonly id: number;
  /** The router that it comes from. */
  readonly origin: string;
  /** Who wrote it there. */
  readonly writer: string;
}

export interface Suffixed {
  readonly suffix: Suffix;
  readonly message: SetMessage | PublishMessage;
  readonly payload: Uint8Array;
}

const writer = new FrameWriter();

/** A frame around the payload of a SET or PUBLISH; throws where it does not fit into one. */
export function suffixedFrame(payload: Uint8Array, isSet: boolean, suffix: Suffix): Uint8Array {
  writer.reset();
  if (isSet) {
    writer.raw(payload);
  } else {
    writer.u8(bundleCode);
    writer.u8(0);
    writer.u16(1);
    writer.counted(payload);
  }
  writer.u32(magic);
  writer.u8(kinds.indexOf(suffix.kind));
  writer.u8(suffix.hops);
  writer.u64(suffix.stamp);
  writer.u32(suffix.id);
  writer.text(suffix.origin);
  writer.text(suffix.writer);
  return frameOfWritten(writer, { qos: suffixQos });
}

const bundleCode = 0x30;

/** What a frame carries, without its header. */
export function payloadOf(frame: Uint8Array): Uint8Array {
  const hasTimestamp = ((frame[1] ?? 0) & 0x20) !== 0;
  return frame.subarray(headerBytes + (hasTimestamp ? frameTimestampBytes : 0));
}

export function suffixedMessage(message: SetMessage | PublishMessage, suffix: Suffix): Uint8Array {
  const isSet = message.type === 'set';
  const payload = isSet ? encodePayload(message) : bundleMember(message).payload;
  return suffixedFrame(payload, isSet, suffix);
}

/** Undefined where the frame has no suffix that we know. */
export function suffixOf({ message, payload, legacy }: SignalFrame): Suffixed | undefined {
  if (legacy) {
    return undefined;
  }
  if (message.type === 'set') {
    const end = setLength(message);
    const suffix = readSuffix(payload, end);
    return suffix && { suffix, message, payload: payload.subarray(0, end) };
  }
  if (message.type !== 'bundle') {
    return undefined;
  }
  const [member] = message.members;
  if (message.members.length !== 1 || member?.message.type !== 'publish') {
    return undefined;
  }
  const end = 4 + (message.timestamp === undefined ? 0 : 8) + 2 + member.payload.length;
  const suffix = readSuffix(payload, end);
  return suffix && { suffix, message: member.message, payload: member.payload };
}

function setLength({ address, value, revision, ttl }: SetMessage): number {
  const more = (revision === undefined ? 0 : 8) + (ttl === undefined ? 0 : 4);
  return 4 + textLength(address) + value.data.length + more;
}

function readSuffix(payload: Uint8Array, at: number): Suffix | undefined {
  const cursor = new Cursor(payload, at);
  try {
    if (cursor.left < 4 || cursor.u32() !== magic) {
      return undefined;
    }
    const { routerIdBytesMax, writerBytesMax } = federationLimits;
    const kind = kinds[cursor.u8()];
    const hops = cursor.u8();
    const stamp = cursor.u64();
    const id = cursor.u32();
    const who = { origin: cursor.text(), writer: cursor.text() };
    const isShort =
      textLength(who.origin) <= routerIdBytesMax && textLength(who.writer) <= writerBytesMax;
    return isShort && kind !== undefined ? { kind, hops, stamp, id, ...who } : undefined;
  } catch {
    return undefined; // cut short: no suffix of ours
  }
}

/** What a router of our own says in the token of its WELCOME. */
const tokenPrefix = 'hansa-federation/1 ';

export function welcomeToken(routerId: string): string {
  return `${tokenPrefix}${routerId}`;
}

/** The id of a router of our own kind; undefined for any other. */
export function kinIn(token: string | undefined): string | undefined {
  return token?.startsWith(tokenPrefix) === true && token.length > tokenPrefix.length
    ? token.slice(tokenPrefix.length)
    : undefined;
}

/** What a router says of itself to those of its kind, who pass it on. */
export interface Advert {
  readonly routerId: string;
  /** The newer one counts. */
  readonly stamp: number;
  readonly patterns: readonly string[];
  /** Routers that it is linked to. */
  readonly neighbours: readonly string[];
}

// No addresses, since they begin with no slash: a hub of another kind would pass over them.
const advertMark = 'hansa:advert';
const neighbourMark = 'hansa:neighbour:';

/** As a DeclareNamespaces, which it is. */
export function advertMessage(advert: Advert): FederationMessage {
  const { routerId, stamp, patterns, neighbours } = advert;
  const revisions: AddressRevision[] = [{ address: advertMark, revision: 1 }];
  for (const neighbour of neighbours) {
    revisions.push({ address: `${neighbourMark}${neighbour}`, revision: 0 });
  }
  return { type: 'federation', op: 'declare', patterns, revisions, since: stamp, origin: routerId };
}

/** Undefined where a router of another kind declares. */
export function advertOf(message: FederationMessage): Advert | undefined {
  const { op, patterns, revisions, since, origin } = message;
  const [mark, ...rest] = revisions;
  if (op !== 'declare' || mark?.address !== advertMark || !since || !origin) {
    return undefined;
  }
  const neighbours = rest
    .filter(({ address }) => address.startsWith(neighbourMark))
    .map(({ address }) => address.slice(neighbourMark.length));
  return { routerId: origin, stamp: since, patterns, neighbours };
}
