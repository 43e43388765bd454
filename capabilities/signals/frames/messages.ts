// The messages of the signal wire, as everything behind the frames speaks of them: one union, told
// apart by `type`. Values stay as they stood on the wire, so that an i64 in is an i64 out.
//
// Unsigned 64-bit fields (revisions, microseconds) are numbers: what exceeds 2^53 - 1 is read as
// 2^53 - 1, which no revision and no clock of ours reaches. A payload that is passed on as it came
// keeps its own bits.

/** `signal` codes on the wire are the positions in this list. */
export const signalTypes = ['param', 'event', 'stream', 'gesture', 'timeline'] as const;
export type SignalType = (typeof signalTypes)[number];

/** `phase` codes on the wire are the positions in this list. */
export const gesturePhases = ['start', 'move', 'end', 'cancel'] as const;
export type GesturePhase = (typeof gesturePhases)[number];

export type Feature = SignalType | 'federation';

/** The type byte of a value, as in the table of value types. */
export const valueTypes = {
  null: 0x00,
  bool: 0x01,
  i8: 0x02,
  i16: 0x03,
  i32: 0x04,
  i64: 0x05,
  f32: 0x06,
  f64: 0x07,
  string: 0x08,
  bytes: 0x09,
  array: 0x0a,
  map: 0x0b,
} as const;
export type ValueType = (typeof valueTypes)[keyof typeof valueTypes];

/**
 * A value that was checked and not unpacked: its type and the bytes of its data. Where a frame was
 * decoded, `data` is a view into that frame; `keptValue` makes one that may outlive it.
 */
export interface WireValue {
  readonly type: ValueType;
  readonly data: Uint8Array;
}

/** Of every signal type; in a mask, 01 is param and 10 is timeline. Never 00. */
export const allTypesMask = 0xff;

/** In a SET's `ttl`: the low 31 bits are seconds since the last write, not the last access. */
export const ttlAbsoluteBit = 0x8000_0000;

export interface HelloMessage {
  readonly type: 'hello';
  readonly version: number;
  readonly features: readonly Feature[];
  readonly name: string;
  /** Absent where it was empty. */
  readonly token?: string | undefined;
}

export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly version: number;
  readonly features: readonly Feature[];
  /** Microseconds since 1970. */
  readonly time: number;
  readonly session: string;
  readonly name: string;
  readonly token?: string | undefined;
}

export interface SignalMeta {
  readonly unit?: string | undefined;
  readonly range?: { readonly min: number; readonly max: number } | undefined;
  readonly default?: WireValue | undefined;
  readonly description?: string | undefined;
}

export interface SignalSummary {
  readonly address: string;
  readonly signal: SignalType;
  readonly datatype?: string | undefined;
  readonly access?: string | undefined;
}

export interface SignalDefinition extends SignalSummary {
  readonly meta?: SignalMeta | undefined;
}

export interface AnnounceMessage {
  readonly type: 'announce';
  readonly namespace: string;
  readonly signals: readonly SignalDefinition[];
}

/** `op` codes on the wire are the positions in this list, counted from 1. */
export const federationOps = ['declare', 'request', 'revisions', 'complete'] as const;
export type FederationOp = (typeof federationOps)[number];

export interface AddressRevision {
  readonly address: string;
  readonly revision: number;
}

export interface FederationMessage {
  readonly type: 'federation';
  readonly op: FederationOp;
  readonly patterns: readonly string[];
  readonly revisions: readonly AddressRevision[];
  readonly since?: number | undefined;
  readonly origin?: string | undefined;
}

export interface SubscribeMessage {
  readonly type: 'subscribe';
  readonly id: number;
  readonly pattern: string;
  /** See `allTypesMask` and `maskHas`. */
  readonly types: number;
  /** Messages a second. */
  readonly maxRate?: number | undefined;
  readonly epsilon?: number | undefined;
  readonly history?: number | undefined;
  readonly window?: number | undefined;
}

export interface UnsubscribeMessage {
  readonly type: 'unsubscribe';
  readonly id: number;
}

export interface PublishMessage {
  readonly type: 'publish';
  readonly address: string;
  /**
   * Absent in legacy frames only; written as `event`. No type filter applies where it is absent.
   */
  readonly signal?: SignalType | undefined;
  /** Always there once decoded: a PUBLISH that is no gesture says `start`. */
  readonly phase?: GesturePhase | undefined;
  /** Not together with `samples`. */
  readonly value?: WireValue | undefined;
  /** f64, big-endian, eight bytes each; see `samplesOf` and `samplesFrom`. */
  readonly samples?: Uint8Array | undefined;
  readonly timestamp?: number | undefined;
  readonly id?: number | undefined;
  readonly rate?: number | undefined;
}

export interface SetMessage {
  readonly type: 'set';
  readonly address: string;
  readonly value: WireValue;
  /** From a client the revision it expects; from a router the one that the write made. */
  readonly revision?: number | undefined;
  readonly lock: boolean;
  readonly unlock: boolean;
  /** 0 never expires; see `ttlAbsoluteBit`; otherwise seconds since the last access. */
  readonly ttl?: number | undefined;
}

export interface GetMessage {
  readonly type: 'get';
  readonly address: string;
}

export interface SnapshotParam {
  readonly address: string;
  readonly value: WireValue;
  readonly revision: number;
  readonly writer?: string | undefined;
  readonly timestamp?: number | undefined;
}

export interface SnapshotMessage {
  readonly type: 'snapshot';
  readonly params: readonly SnapshotParam[];
}

export interface ReplayMessage {
  readonly type: 'replay';
  readonly pattern: string;
  /** Microseconds. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
  readonly types: number;
}

/** A message inside a bundle, beside the very bytes that it came in. */
export interface BundleMember {
  readonly message: SignalMessage;
  readonly payload: Uint8Array;
}

export interface BundleMessage {
  readonly type: 'bundle';
  /** The server's time, in microseconds, before which nothing is done. */
  readonly timestamp?: number | undefined;
  readonly members: readonly BundleMember[];
}

export interface SyncMessage {
  readonly type: 'sync';
  readonly t1: number;
  readonly t2?: number | undefined;
  readonly t3?: number | undefined;
}

export interface PingMessage {
  readonly type: 'ping';
}

export interface PongMessage {
  readonly type: 'pong';
}

export interface AckMessage {
  readonly type: 'ack';
  readonly address?: string | undefined;
  readonly revision?: number | undefined;
  readonly locked?: boolean | undefined;
  readonly holder?: string | undefined;
  readonly correlationId?: number | undefined;
}

export interface ErrorMessage {
  readonly type: 'error';
  /** See `signalErrors`. */
  readonly code: number;
  readonly message: string;
  readonly address?: string | undefined;
  readonly correlationId?: number | undefined;
}

export interface QueryMessage {
  readonly type: 'query';
  readonly pattern: string;
}

export interface ResultMessage {
  readonly type: 'result';
  readonly signals: readonly SignalSummary[];
}

export type SignalMessage =
  | HelloMessage
  | WelcomeMessage
  | AnnounceMessage
  | FederationMessage
  | SubscribeMessage
  | UnsubscribeMessage
  | PublishMessage
  | SetMessage
  | GetMessage
  | SnapshotMessage
  | ReplayMessage
  | BundleMessage
  | SyncMessage
  | PingMessage
  | PongMessage
  | AckMessage
  | ErrorMessage
  | QueryMessage
  | ResultMessage;

export type Qos = 0 | 1 | 2;

/** One decoded frame. `payload` and `bytes` are views into what came in. */
export interface SignalFrame {
  readonly qos: Qos;
  /** The frame's own, in microseconds; seldom there. */
  readonly timestamp: number | undefined;
  readonly message: SignalMessage;
  readonly payload: Uint8Array;
  /** True where the payload is MessagePack: such a payload is read and never passed on. */
  readonly legacy: boolean;
  /** Header and payload, without what stood behind them; see `relayedFrame`. */
  readonly bytes: Uint8Array;
}

/** The codes that an ERROR carries. */
export const signalErrors = {
  frame: 100,
  message: 101,
  version: 102,
  address: 200,
  notFound: 201,
  pattern: 202,
  authentication: 300,
  scope: 301,
  expired: 302,
  conflict: 400,
  lockHeld: 401,
  value: 402,
  refused: 403,
  target: 404,
  rate: 429,
  internal: 500,
  noJournal: 501,
  timeout: 502,
  overflow: 503,
} as const;
