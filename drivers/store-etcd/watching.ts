// Watches: a stream per watcher, opened again at the next member from the revision after the last
// one that came, so that each change arrives once and in order whatever happens to members.
import {
  HansaError,
  isHansaError,
  type KeyValueStore,
  type Revision,
  type WatchBatch,
} from '@hansa/foundation';
import type { Calls } from './calls.ts';
import { CallFailure, failureOf, refusalOf, verdictOn } from './failures.ts';
import { Feed } from './feed.ts';
import { status } from './grpc-status.ts';
import type { Keyspace } from './keyspace.ts';
import type { Duplex, Member } from './member.ts';
import type { WatchRequest, WatchResponse } from './messages-watch.ts';
import { watchMethod } from './methods.ts';
import type { Reads } from './reads.ts';

type Target = Parameters<KeyValueStore['watch']>[0];
type Options = Parameters<KeyValueStore['watch']>[1];

const pauseFirstMs = 50; // a member that restarts is back in a moment
// a watcher of a store that is away looks once a second whether it is back
const pauseMaxMs = 1_000;
const pausesDoubledMax = 5; // to 1.6 s: an election takes as long
// A member that hangs keeps its connections and says nothing; pings find that out, but not sooner
// than etcd lets one ping.
const lookEveryMs = 2_000;

export class Watches {
  readonly #calls: Calls;
  readonly #keys: Keyspace;
  readonly #reads: Reads;
  readonly #live = new Set<Feed>();
  readonly #asked = new Map<Member, number>();
  #looking: AbortController | undefined;
  #closed: HansaError | undefined;

  constructor(needs: { readonly calls: Calls; readonly keys: Keyspace; readonly reads: Reads }) {
    this.#calls = needs.calls;
    this.#keys = needs.keys;
    this.#reads = needs.reads;
  }

  /**
   * `from now on` is from the newest revision that this client has seen when it calls, so that
   * nothing which it writes later is missed.
   */
  watch(target: Target, options: Options): AsyncIterable<WatchBatch> {
    const from = options.from ?? this.#calls.seen;
    return { [Symbol.asyncIterator]: () => this.#iterate(target, from, options) };
  }

  close(reason: HansaError): void {
    this.#closed = reason;
    this.#live.forEach((feed) => feed.fail(reason));
  }

  async *#iterate(
    target: Target,
    from: Revision,
    options: Options,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const { signal } = options;
    if (signal.aborted) {
      return;
    }
    const feed = new Feed(from);
    const stop = (): void => feed.stop();
    if (this.#closed !== undefined) {
      throw this.#closed;
    }
    this.#live.add(feed);
    signal.addEventListener('abort', stop, { once: true });
    const following = this.#follow(feed, target, options);
    try {
      yield* feed.batches();
    } finally {
      signal.removeEventListener('abort', stop);
      this.#live.delete(feed);
      feed.stop();
      await following;
    }
  }

  /** Until the feed is over; never rejects. */
  async #follow(feed: Feed, target: Target, options: Options): Promise<void> {
    let failures = 0;
    while (!feed.isOver) {
      const { reached } = feed;
      const member = this.#calls.current;
      try {
        await this.#stream(feed, {
          member,
          target,
          prev: options.prev === true,
          from: options.from,
        });
      } catch (error) {
        if (error instanceof HansaError) {
          feed.fail(error);
          return;
        }
        if (error instanceof CallFailure && error.isTooLarge) {
          feed.inParts = true;
        } else {
          this.#calls.leave(member);
        }
        failures = feed.reached > reached ? 0 : failures + 1;
        const code = error instanceof CallFailure ? error.code : undefined;
        this.#calls.log.event('etcd.watch-resumed', { from: feed.reached, code });
        await feed.pause(pauseMs(failures));
      }
    }
  }

  async #stream(
    feed: Feed,
    asked: {
      readonly member: Member;
      readonly target: Target;
      readonly prev: boolean;
      readonly from: Revision | undefined;
    },
  ): Promise<void> {
    const { member, target, prev } = asked;
    const token = await this.#calls.token();
    this.#count(member, 1);
    const stream = member.stream(watchMethod, { token });
    const ended = this.#attend(feed, stream, asked.from);
    const unsuspect = member.onSuspected(() => {
      stream.destroy(new CallFailure(status.UNAVAILABLE, 'the member may hang', true));
    });
    const key = 'key' in target ? { key: this.#keys.into(target.key) } : this.#keys.range(target);
    stream.write({
      create: {
        ...key,
        startRevision: feed.reached + 1,
        progressNotify: true,
        prevKv: prev,
        fragment: feed.inParts,
      },
    });
    try {
      await ended;
    } finally {
      unsuspect();
      this.#count(member, -1);
      stream.cancel();
      feed.detach();
    }
  }

  #count(member: Member, more: 1 | -1): void {
    const count = (this.#asked.get(member) ?? 0) + more;
    if (count > 0) {
      this.#asked.set(member, count);
    } else {
      this.#asked.delete(member);
    }
    if (this.#asked.size === 0) {
      this.#looking?.abort();
      this.#looking = undefined;
    } else if (this.#looking === undefined) {
      this.#looking = new AbortController();
      void this.#look(this.#looking.signal);
    }
  }

  /** As long as there are watches, whether the members that they hang on answer at all. */
  async #look(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // An abort ends the loop by itself.
      await this.#calls.clock.sleep(lookEveryMs, signal).catch(() => undefined);
      await Promise.all([...this.#asked.keys()].map((member) => this.#calls.look(member)));
    }
  }

  /** Rejects when the stream ended; resolves when the feed is over. */
  #attend(
    feed: Feed,
    stream: Duplex<WatchRequest, WatchResponse>,
    asked: Revision | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => reject(this.#judge(error));
      feed.attach({ stream, over: resolve });
      stream.on('error', fail);
      stream.on('end', () => fail(new CallFailure(status.UNAVAILABLE, 'the stream ended', true)));
      stream.on('data', (response: WatchResponse) => {
        this.#calls.note(response);
        if (response.canceled) {
          this.#cancelled(feed, response).catch(fail);
        } else if (response.created) {
          stream.pause();
          this.#opened(feed, response, asked).then(() => stream.resume(), fail);
        } else {
          feed.take(response, this.#keys);
        }
      });
    });
  }

  /**
   * Once the stream stands, that its first revision is kept: etcd would begin after a compaction
   * that fell in between.
   */
  async #opened(feed: Feed, { header }: WatchResponse, asked: Revision | undefined): Promise<void> {
    try {
      await this.#reads.assertReadable(feed.reached);
    } catch (error) {
      if (asked !== undefined || feed.hasDelivered || !isHansaError(error, 'STORE_COMPACTED')) {
        throw error;
      }
      // `From now on` was so long ago for a client that had nothing to do: now is as good.
      feed.skipTo(await this.#reads.currentRevision());
      throw new CallFailure(status.ABORTED, 'the client was idle', true);
    }
    feed.opened(header?.revision ?? 0);
  }

  async #cancelled(feed: Feed, response: WatchResponse): Promise<never> {
    if (response.compactRevision > 0) {
      const compactRevision = await this.#reads.compactRevision();
      throw new HansaError('STORE_COMPACTED', `revision ${feed.reached} is no longer kept`, {
        facts: { revision: feed.reached, compactRevision },
      });
    }
    // A watch does not say whether it was the token that had expired or the right that is missing;
    // a read does, and takes a new token first.
    this.#calls.dropToken();
    await this.#reads.currentRevision();
    throw new CallFailure(status.ABORTED, response.cancelReason, true);
  }

  /** A HansaError ends the watch; with anything else it is opened again. */
  #judge(error: unknown): unknown {
    const failure = failureOf(error);
    if (failure instanceof HansaError) {
      return isHansaError(failure, 'STORE_UNAVAILABLE') ? failure.cause : failure;
    }
    const verdict = verdictOn(failure);
    if (verdict === 'token') {
      this.#calls.dropToken();
    }
    return verdict === 'refused' ? refusalOf(failure) : failure;
  }
}

function pauseMs(failures: number): number {
  if (failures <= 1) {
    return 0;
  }
  return Math.min(pauseFirstMs * 2 ** Math.min(failures - 2, pausesDoubledMax), pauseMaxMs);
}
