// How a router takes part in a federation, as its operator says it. Every field is used: see
// README.md of this folder for what each does.
import { HansaError, toHex, type Random } from '@hansa/foundation';
import { carriedTypes } from '../frames/codes.ts';
import { signalTypes } from '../frames/messages.ts';
import { textLength } from '../frames/text.ts';
import { addressProblem, patternProblem } from '../patterns/address.ts';
import { overlaps } from '../patterns/covering.ts';
import { federationLimits } from './limits.ts';

export type FederationMode =
  /** Takes other routers in. */
  | { readonly kind: 'hub' }
  /** Connects to a hub. */
  | { readonly kind: 'leaf'; readonly hubEndpoint: string }
  /** Takes other routers in and connects to each of these. */
  | { readonly kind: 'mesh'; readonly peers: readonly string[] };

export interface FederationConfig {
  readonly mode: FederationMode;
  /** Who this router is to the others; keep it, so that they know it again. */
  readonly routerId: string;
  /** Patterns whose writes are judged here; `/**` stands for what nobody else owns. */
  readonly ownedNamespaces: readonly string[];
  /** Sent in HELLO. */
  readonly authToken?: string | undefined;
  readonly autoReconnect: boolean;
  /** The first wait before a new attempt; each further one is twice as long, up to 30 s. */
  readonly reconnectDelayMs: number;
  /** 0 for any number. */
  readonly maxReconnectAttempts: number;
  /** How often revisions are compared. */
  readonly syncIntervalMs: number;
  /** What we call ourselves in HELLO. */
  readonly clientName: string;
  /** What HELLO advertises and links that we dial carry; `federation` makes them links. */
  readonly features: readonly string[];
}

/** In the order in which a link goes through them. */
export const peerStates = [
  'connecting',
  'handshaking',
  'syncing',
  'active',
  'disconnected',
  'failed',
] as const;
export type PeerState = (typeof peerStates)[number];

/** What is not said is as the README's table has it. */
export function federationConfig(
  config: Partial<FederationConfig>,
  random: Random,
): FederationConfig {
  const made: FederationConfig = {
    mode: config.mode ?? { kind: 'hub' },
    routerId: config.routerId ?? uuid(random),
    ownedNamespaces: config.ownedNamespaces ?? ['/**'],
    authToken: config.authToken,
    autoReconnect: config.autoReconnect ?? true,
    reconnectDelayMs: config.reconnectDelayMs ?? 5_000,
    maxReconnectAttempts: config.maxReconnectAttempts ?? 0,
    syncIntervalMs: config.syncIntervalMs ?? 30_000,
    clientName: config.clientName ?? 'clasp-federation',
    features: config.features ?? ['param', 'event', 'stream', 'federation'],
  };
  const problem = problemOf(made);
  if (problem !== undefined) {
    throw new HansaError('INPUT_INVALID', problem);
  }
  return made;
}

function problemOf(config: FederationConfig): string | undefined {
  const { routerId, ownedNamespaces, features } = config;
  const { patternsMax, routerIdBytesMax } = federationLimits;
  if (routerId === '' || textLength(routerId) > routerIdBytesMax) {
    return `a router's id has 1 to ${routerIdBytesMax} bytes`;
  }
  if (/\p{Cc}/u.test(routerId)) {
    return "a router's id has no control characters";
  }
  if (ownedNamespaces.length > patternsMax) {
    return `a router owns ${patternsMax} patterns at most, not ${ownedNamespaces.length}`;
  }
  for (const pattern of ownedNamespaces) {
    const problem = patternProblem(pattern);
    if (problem !== undefined) {
      return `${pattern}: ${problem}`;
    }
    if (isPrivate(pattern)) {
      return `${pattern}: what is under /clasp/ is each router's own`;
    }
  }
  const strange = features.find((name) => name !== 'federation' && !isSignalType(name));
  if (strange !== undefined) {
    return `${strange}: the features are ${signalTypes.join(', ')} and federation`;
  }
  if (config.mode.kind !== 'hub' && !features.includes('federation')) {
    return 'a router that links to others needs the feature federation';
  }
  return problemOfTimes(config);
}

function problemOfTimes(config: FederationConfig): string | undefined {
  const { reconnectDelayMs, syncIntervalMs, maxReconnectAttempts } = config;
  if (!(reconnectDelayMs >= 0) || !(syncIntervalMs > 0)) {
    return 'a time of a federation is a number of milliseconds';
  }
  return Number.isInteger(maxReconnectAttempts) && maxReconnectAttempts >= 0
    ? undefined
    : 'the attempts to reconnect are a whole number, 0 for any number';
}

function isSignalType(name: string): boolean {
  return signalTypes.some((type) => type === name);
}

/** What both ends of a link name. */
export function carriedByBoth(ours: readonly string[], theirs: readonly string[]): number {
  return carriedTypes(ours) & carriedTypes(theirs);
}

/** The pattern of a router that owns whatever nobody else does. */
export const restPattern = '/**';

/**
 * Whether two routers may not both have these: they could speak of one address, and neither is the
 * one that owns the rest.
 */
export function namespacesConflict(one: string, other: string): boolean {
  if ((one === restPattern) !== (other === restPattern)) {
    return false;
  }
  return overlaps(one, other);
}

/** Signalling between sessions, and whatever else is one router's own: it crosses no link. */
export function isPrivate(address: string): boolean {
  return address.startsWith('/clasp/');
}

/** Whether it is an address that other routers may speak of. */
export function mayBeShared(address: string): boolean {
  return addressProblem(address) === undefined && !isPrivate(address);
}

/** Version 4, as text. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return `${parts.join('-')}-${hex.slice(20)}`;
}
