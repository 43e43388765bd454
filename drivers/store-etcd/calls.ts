// Calls to a cluster of etcd: one member at a time, the next one where it fails, and again only
// what may safely be done again.
import { setTimeout as after } from 'node:timers/promises';
import { HansaError, invariant, type Clock, type Log, type Revision } from '@hansa/foundation';
import { CallFailure, failureOf, refusalOf, unavailable, verdictOn } from './failures.ts';
import { status } from './grpc-status.ts';
import type { Duplex, Member } from './member.ts';
import type { Headed } from './messages-kv.ts';
import { authenticateMethod, statusMethod, type Method } from './methods.ts';

export interface CallTimes {
  /** Of one attempt at one member. */
  readonly attemptMs: number;
  /** Of a call with all its attempts. */
  readonly callMs: number;
}

// A follower believes in a leader that died for up to two seconds, and what it is asked meanwhile
// is lost: two attempts in a row that end so must not keep writers waiting for three.
const attemptTimeoutMs = 1_250;
const callTimeoutMs = 10_000; // several elections; who waits longer is better told

export const callTimes: CallTimes = { attemptMs: attemptTimeoutMs, callMs: callTimeoutMs };

const pauseFirstMs = 25; // the next member is most often fine
const pauseMaxMs = 400; // half an election: the new leader is asked soon
const tokenTriesMax = 2; // one that is refused right after it was given will be refused again

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface CallsNeeds {
  readonly members: readonly Member[];
  readonly clock: Clock;
  readonly log: Log;
  readonly times: CallTimes;
  readonly auth?: Credentials | undefined;
}

export class Calls {
  readonly times: CallTimes;
  readonly clock: Clock;
  readonly log: Log;
  readonly #members: readonly Member[];
  readonly #auth: Credentials | undefined;
  #at: number;
  #token: Promise<string> | undefined;
  #seen: Revision = 0;
  #closed: HansaError | undefined;

  constructor(needs: CallsNeeds & { readonly first: number }) {
    this.times = needs.times;
    this.clock = needs.clock;
    this.log = needs.log;
    this.#members = needs.members;
    this.#auth = needs.auth;
    this.#at = needs.first % needs.members.length;
  }

  /** The newest revision that any answer has named. */
  get seen(): Revision {
    return this.#seen;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get current(): Member {
    const member = this.#members[this.#at];
    invariant(member !== undefined, 'there is a current member');
    return member;
  }

  /** Where to go on after a member failed; nothing where others have gone on already. */
  leave(member: Member): void {
    if (member === this.current && this.#members.length > 1) {
      this.#at = (this.#at + 1) % this.#members.length;
      this.log.event('etcd.member-left', { endpoint: member.endpoint });
    }
  }

  assertOpen(): void {
    if (this.#closed !== undefined) {
      throw this.#closed;
    }
  }

  close(reason: HansaError): void {
    this.#closed = reason;
    this.#members.forEach((member) => member.close());
  }

  /**
   * One attempt at the current member. Rejects with a HansaError where etcd refused it, else with
   * a CallFailure.
   */
  async once<Q, A>(method: Method<Q, A>, request: Q, timeoutMs?: number): Promise<A> {
    return this.#once(this.current, (member, token) =>
      member.call(method, request, { timeoutMs: timeoutMs ?? this.times.attemptMs, token }),
    );
  }

  /** The same at a member of the caller's choice, which is not left where it fails. */
  async onceAt<Q, A>(
    member: Member,
    method: Method<Q, A>,
    request: { readonly question: Q; readonly timeoutMs: number },
  ): Promise<A> {
    const { question, timeoutMs } = request;
    return this.#withToken((token) => member.call(method, question, { timeoutMs, token }));
  }

  /** Suspects the member where it does not answer in time. */
  async look(member: Member): Promise<void> {
    try {
      const timeoutMs = this.times.attemptMs;
      this.note(await this.onceAt(member, statusMethod, { question: {}, timeoutMs }));
    } catch (error) {
      if (error instanceof CallFailure && error.code === status.DEADLINE_EXCEEDED) {
        this.leave(member);
        member.suspect();
      }
    }
  }

  /** Tried again until the call's time is over: only for what may be done twice. */
  async again<Q, A>(method: Method<Q, A>, request: Q, began?: () => void): Promise<A> {
    return this.#again((member, token) => {
      began?.();
      return member.call(method, request, { timeoutMs: this.times.attemptMs, token });
    });
  }

  /** One question and one answer over a stream, tried again in the same way. */
  async streamAgain<Q, A>(method: Method<Q, A>, request: Q): Promise<A> {
    return this.#again((member, token) => {
      const stream = member.stream(method, { timeoutMs: this.times.attemptMs, token });
      return firstAnswer(stream, request);
    });
  }

  /** The token to open a stream with, where there are tokens. */
  async token(): Promise<string | undefined> {
    if (this.#auth === undefined) {
      return undefined;
    }
    this.#token ??= this.#authenticate(this.#auth);
    return this.#token;
  }

  dropToken(): void {
    this.#token = undefined;
  }

  /** Before the next attempt; false where the call's time is over. */
  async pause(failures: number, overMs: number): Promise<boolean> {
    const ms = Math.min(pauseFirstMs * 2 ** Math.max(0, failures - 1), pauseMaxMs);
    if (this.clock.monotonicMs() + ms >= overMs) {
      return false;
    }
    // Not the handed clock: a test that holds time still must not hold retries.
    await after(ms);
    this.assertOpen();
    return true;
  }

  note(answer: unknown): void {
    const revision = (answer as Headed | undefined)?.header?.revision ?? 0;
    this.#seen = Math.max(this.#seen, revision);
  }

  async #again<A>(attempt: (member: Member, token?: string) => Promise<A>): Promise<A> {
    const overMs = this.clock.monotonicMs() + this.times.callMs;
    for (let failures = 1; ; failures += 1) {
      this.assertOpen();
      try {
        return await this.#once(this.current, attempt);
      } catch (error) {
        if (error instanceof HansaError || (error instanceof CallFailure && error.isTooLarge)) {
          throw error;
        }
        if (!(await this.pause(failures, overMs))) {
          throw unavailable(error);
        }
      }
    }
  }

  async #once<A>(
    member: Member,
    attempt: (member: Member, token?: string) => Promise<A>,
  ): Promise<A> {
    try {
      const answer = await this.#withToken((token) => attempt(member, token));
      this.note(answer);
      return answer;
    } catch (error) {
      if (error instanceof CallFailure && !error.isTooLarge) {
        this.leave(member);
        if (error.code === status.DEADLINE_EXCEEDED) {
          member.suspect();
        }
      }
      throw error;
    }
  }

  async #withToken<A>(attempt: (token?: string) => Promise<A>): Promise<A> {
    for (let tries = 1; ; tries += 1) {
      this.assertOpen();
      const token = this.#auth === undefined ? undefined : await this.token();
      try {
        return await attempt(token);
      } catch (error) {
        const failure = failureOf(error);
        if (failure instanceof HansaError) {
          throw failure;
        }
        const verdict = verdictOn(failure);
        if (verdict === 'refused' || (verdict === 'token' && tries >= tokenTriesMax)) {
          throw refusalOf(failure);
        }
        if (verdict !== 'token') {
          throw failure;
        }
        this.dropToken();
      }
    }
  }

  async #authenticate({ username, password }: Credentials): Promise<string> {
    const request = { name: username, password };
    const member = this.current;
    try {
      const options = { timeoutMs: this.times.attemptMs };
      return (await member.call(authenticateMethod, request, options)).token;
    } catch (error) {
      this.#token = undefined;
      if (error instanceof CallFailure) {
        if (verdictOn(error) === 'refused') {
          throw refusalOf(error);
        }
        this.leave(member);
        // Nothing but the question for a token has been sent.
        throw new CallFailure(error.code, error.details, false);
      }
      throw error;
    }
  }
}

function firstAnswer<Q, A>(stream: Duplex<Q, A>, request: Q): Promise<A> {
  return new Promise((resolve, reject) => {
    stream.once('data', (answer: A) => {
      resolve(answer);
      stream.end();
    });
    stream.on('error', (error) => reject(failureOf(error)));
    stream.once('end', () =>
      reject(new CallFailure(status.UNAVAILABLE, 'the stream ended without an answer', true)),
    );
    stream.write(request);
  });
}
