// A capability is a promise with an address: an interface in domain words and a table that gives
// every method its permission, route, schemas, errors and limits. One table serves three roads: in
// process, over the wire between clusters, over HTTP.
import type { z } from 'zod';
import type { ErrorCode } from './error-codes.ts';
import type { ClusterId, NodeId } from './ids.ts';
import type { Principal } from './principals.ts';

/** Who asks, as the edge has established it. */
export type Caller =
  | { readonly kind: 'owner' }
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'cluster';
      readonly cluster: ClusterId;
      readonly node: NodeId;
    }
  | {
      /** Somebody who logged in, or whose certificate the transport has proven. */
      readonly kind: 'principal';
      readonly principal: Principal;
      /** `session:<id>` or `certificate:<serial>`: what a person can end. */
      readonly proof: string;
      readonly expiresMs: number;
      /** Of a certificate, when it was made: a younger account of that name is somebody else’s. */
      readonly issuedMs?: number | undefined;
    }
  | {
      /** Whoever presents a capability token: may do what its scopes say, until it ends. */
      readonly kind: 'token';
      /** Who proved to be its holder, or `bearer`. */
      readonly holder: string;
      readonly subject: string;
      /** Whom it speaks for; it may do no more than they may. None: for whoever issued it. */
      readonly principal?: Principal | undefined;
      /** The cluster whose word it is; this one where absent. */
      readonly root?: ClusterId | undefined;
      readonly scopes: readonly string[];
      /** Ids of the token and of all it descends from, its own first. */
      readonly chain: readonly string[];
      readonly expiresMs: number;
    };

/** What comes with every call besides its input. */
export interface Call {
  readonly signal?: AbortSignal | undefined;
  readonly caller?: Caller | undefined;
  /** Where it came from and with what program, as far as the road knows; for people to read. */
  readonly source?: string | undefined;
  readonly agent?: string | undefined;
}

/**
 * `links.write`: the contract's name, then `read` or `write`; `peer` for what linked clusters may
 * call; `open` for everybody, even without a credential; `self` for whoever has logged in, about
 * themselves alone.
 */
export type Permission = `${string}.read` | `${string}.write` | 'peer' | 'open' | 'self';

interface Promised<I, O> {
  /** One sentence; the help, the OpenAPI page and the reference are made of it. */
  readonly summary: string;
  readonly permission: Permission;
  /** `POST /links/:cluster`; path parameters are fields of the input. Peer contracts have none. */
  readonly route?: `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`;
  readonly input: z.ZodType<I>;
  /**
   * The one resource that an input is about, as `<kind>/<name>` or `<peer>:<kind>/<name>`: roles
   * may be bound to it. Absent where a method is about all of them, or none.
   */
  readonly target?: (input: I) => string | undefined;
  /**
   * Whom or what an act is about, for the audit alone, where it is not its target: a name or an
   * id, never a secret.
   */
  readonly about?: (input: I) => string | undefined;
  readonly output: z.ZodType<O>;
  /** Codes a caller must expect besides those of every road. */
  readonly errors: readonly ErrorCode[];
  /** The version of the contract that brought it; of the first where absent. */
  readonly since?: number;
}
export interface Method<I, O> extends Promised<I, O> {
  readonly watch?: false;
}
/** A method that answers with a stream of `output`s; over HTTP, one JSON text per line. */
export interface Watch<I, O> extends Promised<I, O> {
  readonly watch: true;
}

// The service's own type, seen method by method: `never` where a member is neither.
// oxlint-disable-next-line typescript/no-explicit-any
type Promises<F> = F extends (input: infer I, call?: any) => AsyncIterable<infer O>
  ? Watch<I, O>
  : // oxlint-disable-next-line typescript/no-explicit-any
    F extends (input: infer I, call?: any) => Promise<infer O>
    ? Method<I, O>
    : never;

/** Peer contracts travel in classes, most urgent first, each on a stream of its own. */
export type Traffic = 'control' | 'state' | 'bulk';

/** Exhaustive: a method of `S` without a row does not compile. */
export interface Contract<S> {
  readonly name: string;
  /** Rises with every method, field or error. */
  readonly version: number;
  /** The oldest version whose askers are still answered; the first where absent. */
  readonly since?: number;
  /** For peer contracts; default `state`. */
  readonly traffic?: Traffic;
  readonly methods: { readonly [M in keyof S & string]: Promises<S[M]> };
}

/** A contract whose service type is not known here: what edges and carriers hold. */
export interface AnyContract {
  readonly name: string;
  readonly version: number;
  readonly since?: number;
  readonly traffic?: Traffic;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly methods: { readonly [method: string]: Method<any, any> | Watch<any, any> };
}

/** Takes calls to wherever the service is. Errors arrive as HansaError with the far side's code. */
export interface Carrier {
  call(contract: AnyContract, method: string, input: unknown, call: Call): Promise<unknown>;
  watch(contract: AnyContract, method: string, input: unknown, call: Call): AsyncIterable<unknown>;
}
