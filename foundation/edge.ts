// The one edge every call passes, whatever road it came by:
// limit -> authenticate -> validate -> authorise -> begin -> call -> validate -> audit.
import { cancellable, mapItems } from './cancellable.ts';
import { cancellation, follow } from './cancellation.ts';
import type { Served } from './capability.ts';
import type { AnyContract, Call, Caller, Method, Watch } from './contract.ts';
import { HansaError, invariant } from './errors.ts';
import { nameLengthMax } from './ids.ts';
import { schemaSentence } from './schema-sentence.ts';

/** What a road knows about the sender before anybody believed it. */
export interface Credential {
  /** A token as it came, over HTTP. */
  readonly token?: string;
  /** A proof that the sender holds the key the token is bound to, and what it was made for. */
  readonly possession?: { readonly proof: string; readonly method: string; readonly path: string };
  /** A caller the transport itself has proven: a linked cluster's node, or this process. */
  readonly proven?: Caller;
  /** Whom a limit counts: an address, a cluster id. */
  readonly source: string;
  /** The road has counted the request where it came in. */
  readonly admitted?: boolean | undefined;
  /** The program that says it asks. */
  readonly agent?: string | undefined;
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
  /** What it took; undefined where the request named no method. */
  readonly permission?: string | undefined;
  /** The resource, or else whom or what it was about. */
  readonly target?: string | undefined;
  /** What was decided: roles are bound to its target alone. */
  readonly asked?: Asked | undefined;
  readonly caller: Caller;
  readonly source: string;
  /** `OK`, or the error's code; CANCELLED where the reader of a watch left before its end. */
  readonly outcome: string;
  /**
   * The error the service did not mean to throw, where the outcome is INTERNAL: for the log alone.
   */
  readonly fault?: unknown;
  /** What `begin` gave of it. */
  readonly begun?: string | undefined;
}

/** What has been allowed and is about to be done. */
export type Beginning = Omit<AuditEntry, 'outcome' | 'fault' | 'begun'>;

/** What somebody wants to use, and on which resource as they spelled it. */
export interface Asked {
  readonly permission: string;
  readonly target?: string | undefined;
}

/** What somebody goes on doing because it was allowed. */
export interface Held {
  readonly caller: Caller;
  readonly asked: Asked;
  lapsed(refusal: unknown): void;
}

/** The decisions of one road. */
export interface Gate {
  /** Throws RATE_LIMITED. */
  admit(credential: Credential): void;
  /** Throws UNAUTHENTICATED. */
  authenticate(credential: Credential): Promise<Caller>;
  /** Throws FORBIDDEN. */
  authorise(caller: Caller, asked: Asked): void;
  /**
   * Hears of what has been allowed before it is done, and keeps it where that has to be kept; what
   * it gives comes back with the entry. Throws AUDIT_UNAVAILABLE: then it is not done.
   */
  begin?(beginning: Beginning): Promise<string> | undefined;
  /**
   * Calls back once, with the refusal, when somebody who was let in may no longer: for what goes on
   * after its beginning was allowed. Returns how to let go of it.
   */
  hold?(held: Held): () => void;
  /**
   * Hears of every request that was admitted, once, when it is over; who asked gets the answer when
   * this has resolved. Must not throw.
   */
  record(entry: AuditEntry): void | Promise<void>;
}

export interface Edge {
  readonly contracts: readonly AnyContract[];
  call(request: EdgeRequest): Promise<unknown>;
  watch(request: EdgeRequest): AsyncIterable<unknown>;
}

// One row of a contract's table beside the service that keeps its promise.
interface Seat {
  readonly contract: string;
  readonly method: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly promise: Method<any, any> | Watch<any, any>;
  run(input: unknown, call: Call): unknown;
}

const anonymous: Caller = { kind: 'anonymous' };

/**
 * An edge before these services; throws where two contracts share a name or a service lacks a
 * method.
 */
export function serve(served: readonly Served[], gate: Gate): Edge {
  const seats = seatsOf(served);
  return {
    contracts: served.map((one) => one.contract),
    async call(request) {
      gate.admit(request.credential);
      const visit = createVisit(request, gate);
      try {
        const { seat, input, caller } = await enter(request, { seats, gate, visit, watch: false });
        const { source, agent } = request.credential;
        const call = { signal: request.signal, caller, source, agent };
        const answer = await seat.run(input, call);
        const output = checkOutput(seat, answer);
        visit.done();
        return output;
      } catch (error) {
        throw visit.failed(error);
      } finally {
        await visit.recorded;
      }
    },
    watch: (request) => ({
      [Symbol.asyncIterator]: () => watched(request, { seats, gate }),
    }),
  };
}

/** A stream ends when its reader leaves, and when whoever reads it may no longer. */
function watched(
  request: EdgeRequest,
  { seats, gate }: Pick<EnterNeeds, 'seats' | 'gate'>,
): AsyncIterator<unknown> {
  const { controller, release } = follow(request.signal);
  let visit: Visit | undefined;
  let letGo: (() => void) | undefined;
  const reading = cancellable<unknown>(
    {
      async open(signal) {
        gate.admit(request.credential);
        visit = createVisit(request, gate);
        const needs = { seats, gate, visit, watch: true };
        const { seat, input, caller, asked } = await enter(request, needs);
        const lapsed = (refusal: unknown): void => controller.abort(refusal);
        letGo = gate.hold?.({ caller, asked, lapsed });
        if (signal.aborted) {
          throw cancellation(signal);
        }
        const { source, agent } = request.credential;
        const items = seat.run(input, { signal, caller, source, agent });
        invariant(isAsyncIterable(items), `${seat.contract}.${seat.method} gave no stream`);
        return mapItems(items, (item) => checkOutput(seat, item));
      },
      ended(failure) {
        release();
        letGo?.();
        if (failure === undefined) {
          visit?.done();
        }
        return failure === undefined ? undefined : (visit?.failed(failure) ?? failure);
      },
    },
    controller.signal,
  );
  return reading[Symbol.asyncIterator]();
}

function seatsOf(served: readonly Served[]): ReadonlyMap<string, ReadonlyMap<string, Seat>> {
  const contracts = new Map<string, Map<string, Seat>>();
  for (const { contract, service } of served) {
    invariant(!contracts.has(contract.name), `two contracts are named "${contract.name}"`);
    const seats = new Map<string, Seat>();
    for (const [method, promise] of Object.entries(contract.methods)) {
      const body: unknown = Reflect.get(service, method);
      invariant(typeof body === 'function', `no service for ${contract.name}.${method}`);
      const run: Seat['run'] = (input, call) => Reflect.apply(body, service, [input, call]);
      seats.set(method, { contract: contract.name, method, promise, run });
    }
    contracts.set(contract.name, seats);
  }
  return contracts;
}

/** One request on its way: who it turned out to be, and its one audit entry. */
interface Visit {
  caller: Caller;
  asked?: Asked;
  about?: string | undefined;
  /** Resolves when what is recorded is kept. */
  recorded: void | Promise<void>;
  /** It is about to be done: throws where that may not be. */
  begin(): Promise<void>;
  /** Records the success. */
  done(): void;
  /** Records the failure; returns what the caller may be told of it. */
  failed(failure: unknown): HansaError;
}

function createVisit(request: EdgeRequest, gate: Gate): Visit {
  let begun: string | undefined;
  const said = (): Beginning => ({
    contract: request.contract,
    method: request.method,
    ...(visit.asked && { ...visit.asked, asked: visit.asked }),
    ...(visit.about !== undefined && { target: visit.about }),
    caller: visit.caller,
    source: request.credential.source,
  });
  const record = (outcome: Pick<AuditEntry, 'outcome' | 'fault'>): void => {
    visit.recorded = gate.record({ ...said(), ...(begun !== undefined && { begun }), ...outcome });
  };
  const visit: Visit = {
    caller: anonymous,
    recorded: undefined,
    async begin() {
      begun = await gate.begin?.(said());
    },
    done: () => record({ outcome: 'OK' }),
    failed(failure) {
      const told = tellable(failure, request.signal);
      const isOurs = told.code === 'INTERNAL';
      record({ outcome: told.code, ...(isOurs ? { fault: failure } : {}) });
      return told;
    },
  };
  return visit;
}

interface EnterNeeds {
  readonly seats: ReadonlyMap<string, ReadonlyMap<string, Seat>>;
  readonly gate: Gate;
  readonly visit: Visit;
  readonly watch: boolean;
}

/** The checks before the call, in their fixed order. */
async function enter(
  request: EdgeRequest,
  needs: EnterNeeds,
): Promise<{ seat: Seat; input: unknown; caller: Caller; asked: Asked }> {
  const caller = await needs.gate.authenticate(request.credential);
  needs.visit.caller = caller;
  if (request.signal.aborted) {
    throw cancellation(request.signal);
  }
  const seat = needs.seats.get(request.contract)?.get(request.method);
  if (seat === undefined || (seat.promise.watch === true) !== needs.watch) {
    throw unknownMethod(request, seat);
  }
  // Known before the input is: that too is recorded of whoever sends what nobody can read.
  const { permission } = seat.promise;
  needs.visit.asked = { permission };
  const input = checkInput(seat, request.input);
  const asked = { permission, target: seat.promise.target?.(input) };
  needs.visit.asked = asked;
  needs.visit.about = seat.promise.about?.(input)?.slice(0, aboutLengthMax) ?? asked.target;
  needs.gate.authorise(caller, asked);
  await needs.visit.begin();
  return { seat, input, caller, asked };
}

function unknownMethod({ contract, method }: EdgeRequest, seat: Seat | undefined): HansaError {
  const name = `${contract}.${method}`.slice(0, nameShownMax);
  if (seat === undefined) {
    return new HansaError('METHOD_UNKNOWN', `this node serves no ${name}`);
  }
  const kind = seat.promise.watch === true ? 'a watch, not a call' : 'a call, not a watch';
  return new HansaError('METHOD_UNKNOWN', `${name} is ${kind}`);
}

const aboutLengthMax: number = 2 * nameLengthMax; // two names: somebody, and what they are given
const nameShownMax = 200; // a stranger's method name, repeated in our sentence

function checkInput(seat: Seat, input: unknown): unknown {
  const parsed = seat.promise.input.safeParse(input);
  if (!parsed.success) {
    const complaint = schemaSentence(parsed.error);
    throw new HansaError('INPUT_INVALID', `${seat.contract}.${seat.method}: ${complaint}`);
  }
  return parsed.data;
}

function checkOutput(seat: Seat, output: unknown): unknown {
  const parsed = seat.promise.output.safeParse(output);
  if (!parsed.success) {
    const complaint = schemaSentence(parsed.error);
    throw new HansaError(
      'OUTPUT_INVALID',
      `${seat.contract}.${seat.method} answered outside its contract: ${complaint}`,
    );
  }
  return parsed.data;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** A declared error as it is; everything else is our fault and keeps its text to itself. */
function tellable(failure: unknown, signal: AbortSignal): HansaError {
  if (failure instanceof HansaError) {
    return failure;
  }
  if (signal.aborted) {
    return cancellation(signal);
  }
  return new HansaError('INTERNAL', 'the node failed to answer; its log has the cause');
}
