// What stands on the wire for what messages.ts has names for.
import {
  allTypesMask,
  signalTypes,
  type Feature,
  type Qos,
  type SignalMessage,
  type SignalType,
} from './messages.ts';

export const frameMagic = 0x53;

/** In the flags byte of a frame. QoS has the two bits above them, the version those below. */
export const frameFlags = { timestamp: 0x20, encrypted: 0x10, compressed: 0x08 } as const;
export const binaryVersion = 1;

export const messageCodes = {
  hello: 0x01,
  welcome: 0x02,
  announce: 0x03,
  federation: 0x04,
  subscribe: 0x10,
  unsubscribe: 0x11,
  publish: 0x20,
  set: 0x21,
  get: 0x22,
  snapshot: 0x23,
  replay: 0x24,
  bundle: 0x30,
  sync: 0x40,
  ping: 0x41,
  pong: 0x42,
  ack: 0x50,
  error: 0x51,
  query: 0x60,
  result: 0x61,
} as const;

const featureBits: readonly (readonly [Feature, number])[] = [
  ['param', 0x80],
  ['event', 0x40],
  ['stream', 0x20],
  ['gesture', 0x10],
  ['timeline', 0x08],
  ['federation', 0x04],
];

/** In the order of the bits; bits that nobody has a name for are dropped. */
export function featuresOf(bits: number): readonly Feature[] {
  return featureBits.filter(([, bit]) => (bits & bit) !== 0).map(([feature]) => feature);
}

/** Names that are no features are dropped. */
export function featureByte(features: readonly string[]): number {
  let bits = 0;
  for (const [feature, bit] of featureBits) {
    if (features.includes(feature)) {
      bits |= bit;
    }
  }
  return bits;
}

/** The mask of exactly these types; of all where none is named. */
export function typeMask(types: readonly SignalType[]): number {
  let mask = 0;
  for (const type of types) {
    mask |= 1 << signalTypes.indexOf(type);
  }
  return mask === 0 ? allTypesMask : mask;
}

/**
 * What is carried by whoever names these features, as a mask of types: gestures and timelines go
 * with events, as on links that were made before they had names; all of it where no type is named.
 */
export function carriedTypes(features: readonly string[]): number {
  const withEvents: readonly string[] = ['gesture', 'timeline'];
  const named = signalTypes.filter(
    (type) => features.includes(type) || (features.includes('event') && withEvents.includes(type)),
  );
  return named.length === signalTypes.length ? allTypesMask : typeMask(named);
}

/** A message without a signal type passes every mask. */
export function maskHas(mask: number, signal: SignalType | undefined): boolean {
  return signal === undefined || (mask & (1 << signalTypes.indexOf(signal))) !== 0;
}

export const publishFlags = { timestamp: 0x10, id: 0x08, phase: 0x07 } as const;
export const setFlags = {
  revision: 0x80,
  lock: 0x40,
  unlock: 0x20,
  ttl: 0x10,
  type: 0x0f,
} as const;
export const replayFlags = { from: 0x80, to: 0x40, limit: 0x20 } as const;
export const federationFlags = { since: 0x80, origin: 0x40 } as const;
export const bundleFlags = { timestamp: 0x80 } as const;

/** What a PUBLISH carries: nothing, one value, or samples. */
export const publishKinds = { nothing: 0, value: 1, samples: 2 } as const;

/** The hint that encoders of this protocol give; routers pass over it. */
export function qosOf(message: SignalMessage): Qos {
  switch (message.type) {
    case 'set':
    case 'subscribe':
    case 'unsubscribe':
    case 'replay':
    case 'federation':
      return 1;
    case 'bundle':
      return 2;
    case 'publish':
      return publishQos(message.signal);
    default:
      return 0;
  }
}

function publishQos(signal: SignalType | undefined): Qos {
  if (signal === 'timeline') {
    return 2;
  }
  return signal === 'param' || signal === 'event' ? 1 : 0;
}
