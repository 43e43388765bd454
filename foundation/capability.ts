// What a capability gives to the node that hosts it. `capabilities/X/capability.ts` returns one of
// these; node/composition.ts is the one list of them.
import type { AnyContract, Call, Caller } from './contract.ts';
import { HansaError } from './errors.ts';
import type { HttpRoute } from './http.ts';
import type { ClusterId, NodeId } from './ids.ts';

/**
 * Work that exactly one node of a cluster does: the active one, which is the only one on an
 * embedded store.
 */
export interface Duty {
  readonly name: string;
  /** Runs until the signal aborts; restarted with backoff where it throws. */
  run(signal: AbortSignal): Promise<void>;
}

export interface Served {
  readonly contract: AnyContract;
  // A service as the table sees it: its methods by name.
  readonly service: object;
}

/**
 * One linked (or strange) cluster at the far end of a connection, proven by its node certificate.
 */
export interface PeerCaller {
  readonly cluster: ClusterId;
  readonly node: NodeId;
}

export interface Capability {
  readonly name: string;
  /** Contracts for people and programs of this cluster: over HTTP and in process. */
  readonly serves: readonly Served[];
  /**
   * Contracts for other clusters: over the wire only. The service reads `call.caller` and asks
   * policy.
   */
  readonly servesPeers: readonly Served[];
  readonly routes: readonly HttpRoute[];
  readonly duties: readonly Duty[];
  /** Called once before duties run: loads caches, repairs what a crash left. */
  start(signal: AbortSignal): Promise<void>;
  /** Called once after duties ended, in reverse order of start. */
  stop(): Promise<void>;
}

export function capability(parts: Partial<Capability> & { readonly name: string }): Capability {
  return {
    serves: [],
    servesPeers: [],
    routes: [],
    duties: [],
    start: async () => undefined,
    stop: async () => undefined,
    ...parts,
  };
}

/** The cluster that calls a peer contract; FORBIDDEN for everybody else. */
export function callingCluster(call: Call | undefined): ClusterId {
  if (!isPeer(call?.caller)) {
    throw new HansaError('FORBIDDEN', 'only a cluster that proved who it is may call this');
  }
  return call.caller.cluster;
}

export function isPeer(caller: Caller | undefined): caller is Extract<Caller, { kind: 'cluster' }> {
  return caller?.kind === 'cluster';
}
