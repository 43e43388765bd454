// The one edge every call passes, whatever road it came by:
// limit -> authenticate -> validate -> authorise -> call -> validate -> audit.
import type { AnyContract, Call, Caller, Carrier, Contract } from './contract.ts';
import type { Served } from './capability.ts';

/** What a road knows about the sender before anybody believed it. */
export interface Credential {
  /** A token as it came, over HTTP. */
  readonly token?: string;
  /** A caller the transport itself has proven: a linked cluster's node, or this process. */
  readonly proven?: Caller;
  /** Whom a limit counts: an address, a cluster id. */
  readonly source: string;
}

export interface EdgeRequest {
  readonly contract: string;
  readonly method: string;
  readonly input: unknown;
  readonly credential: Credential;
  readonly signal: AbortSignal;
}

export interface AuditEntry {
  readonly contract: string;
  readonly method: string;
  readonly caller: Caller;
  readonly source: string;
  readonly outcome: string;
}

/** The decisions of one road. */
export interface Gate {
  /** Throws RATE_LIMITED. */
  admit(credential: Credential): void;
  /** Throws UNAUTHENTICATED. */
  authenticate(credential: Credential): Promise<Caller>;
  /** Throws FORBIDDEN. */
  authorise(caller: Caller, permission: string): void;
  record(entry: AuditEntry): void;
}

export interface Edge {
  readonly contracts: readonly AnyContract[];
  call(request: EdgeRequest): Promise<unknown>;
  watch(request: EdgeRequest): AsyncIterable<unknown>;
}

export type { AnyContract, Call, Carrier, Contract, Served };
