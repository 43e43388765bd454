// The directory's two directions: our word is put there with every announcement, and linked
// clusters that are away, or whom somebody asks for, are looked up.
import {
  aborted,
  deadline,
  HansaError,
  reportOf,
  type Clock,
  type ClusterId,
  type Codec,
  type Crypto,
  type ErrorReport,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { Announcing } from './announcing.ts';
import type { Announcement } from './contract.ts';
import type { Hearing } from './hearing.ts';
import { itemSalt, readItem, writeItem } from './item.ts';
import type { ClusterKeys, Directory, DirectoryItem } from './parts.ts';

const askTimeoutMs = 30_000; // a look-up asks a dozen nodes, some of which are gone
const putAgainMs = 60_000; // after a failure
const lookUpEveryMs = 60_000; // of a linked cluster that is away, with jitter
const lookUpAfterMs = 15_000; // away for so long: most come back by themselves sooner
const keysTriedMax = 4; // of one cluster, the newest and the first among them

export interface PublishingNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly signer: Signer;
  readonly keys: ClusterKeys;
  readonly peers: Peers;
  readonly directory: Directory;
  readonly announcing: Announcing;
  readonly hearing: Hearing;
}

export interface Publishing {
  /** Rejects with the reason where the directory answered with something false. */
  lookUp(cluster: ClusterId, signal: AbortSignal): Promise<boolean>;
  status(): { readonly publishedMs: number | undefined; readonly problem: ErrorReport | undefined };
  run(signal: AbortSignal): Promise<void>;
}

interface Living extends PublishingNeeds {
  publishedMs: number | undefined;
  problem: ErrorReport | undefined;
}

export function createPublishing(needs: PublishingNeeds): Publishing {
  const living: Living = { ...needs, publishedMs: undefined, problem: undefined };
  return {
    lookUp: (cluster, signal) => lookUp(living, cluster, signal),
    status: () => ({ publishedMs: living.publishedMs, problem: living.problem }),
    async run(signal) {
      await Promise.all([publish(living, signal), seek(living, signal), aborted(signal)]);
    },
  };
}

/** One after the other: a newer announcement replaces one that still waits. */
async function publish(living: Living, signal: AbortSignal): Promise<void> {
  const { announcing, clock, log } = living;
  let newest: Announcement | undefined = announcing.present();
  let wake = new AbortController();
  const stop = announcing.subscribe((announcement) => {
    newest = announcement;
    wake.abort();
  });
  while (!signal.aborted) {
    const said = newest;
    newest = undefined;
    try {
      if (said !== undefined) {
        await put(living, said, signal);
        living.problem = undefined;
        living.publishedMs = clock.now();
      }
    } catch (error) {
      living.problem = reportOf(error);
      newest ??= said;
      log.problem('discovery.unpublished', error);
    }
    const ms = living.problem === undefined ? putIdleMs : putAgainMs;
    await clock.sleep(ms, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    wake = new AbortController();
  }
  stop();
}

const putIdleMs = 3_600_000; // nothing to put: a new announcement wakes it

async function put(living: Living, said: Announcement, signal: AbortSignal): Promise<void> {
  const { directory, signer, keys, crypto } = living;
  const key = keys.keyOf(said.cluster, said.keyIndex);
  if (key === undefined) {
    throw new HansaError('KEY_UNKNOWN', 'this cluster’s own key is not in its key book');
  }
  const salt = itemSalt(crypto, said.cluster);
  // BEP-44's bytes begin with a digit, a transcript's with a zero: no signature serves both.
  const sign = (message: Uint8Array): Uint8Array => signer.sign(message).signature;
  await timed(living, signal, (limit) =>
    directory.put({ ...writeItem(living, said), key, salt, sign }, limit),
  );
}

/**
 * By the newest key that is known here and by older ones: a cluster that has rotated writes under
 * its newest, and whoever missed the rotation knows only the first, which is its id.
 */
async function lookUp(living: Living, cluster: ClusterId, signal: AbortSignal): Promise<boolean> {
  const { directory, codec, crypto, keys, hearing } = living;
  const salt = itemSalt(crypto, cluster);
  const { keyIndex } = keys.present(cluster);
  const indices = [keyIndex, keyIndex - 1, keyIndex - 2, 0].filter((index) => index >= 0);
  for (const index of [...new Set(indices)].slice(0, keysTriedMax)) {
    const key = keys.keyOf(cluster, index);
    const item: DirectoryItem | undefined =
      key === undefined
        ? undefined
        : await timed(living, signal, (limit) => directory.get({ key, salt }, limit));
    if (item !== undefined) {
      const { hash, ...word } = readItem(codec, cluster, item);
      // A key that was rotated away may not speak for what came after.
      keys.signing(cluster, { keyIndex: index, atMs: word.asOfMs });
      await hearing.looked(word, hash);
      return true;
    }
  }
  return false;
}

async function timed<T>(
  { clock }: Living,
  signal: AbortSignal,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const reason = (): Error => new HansaError('TIMED_OUT', 'the directory did not answer in time');
  const limit = deadline(clock, askTimeoutMs, { reason, signal });
  try {
    return await work(limit.signal);
  } finally {
    limit.done();
  }
}

/** Looks linked clusters up that are away, one after the other. */
async function seek(living: Living, signal: AbortSignal): Promise<void> {
  const { clock, random, peers, log } = living;
  const awaySinceMs = new Map<ClusterId, number>();
  while (!signal.aborted) {
    const nowMs = clock.monotonicMs();
    const away = peers.all().filter(({ cluster, mine, active }) => {
      return mine && active && !peers.connected(cluster);
    });
    const ids = new Set(away.map(({ cluster }) => cluster));
    [...awaySinceMs.keys()].forEach((id) => ids.has(id) || awaySinceMs.delete(id));
    ids.forEach((id) => awaySinceMs.has(id) || awaySinceMs.set(id, nowMs));
    for (const [id, sinceMs] of awaySinceMs) {
      if (!signal.aborted && nowMs - sinceMs >= lookUpAfterMs) {
        awaySinceMs.set(id, nowMs + lookUpEveryMs * (0.5 + random.fraction()));
        await lookUp(living, id, signal).catch((error: unknown) =>
          log.event('discovery.not-found', { cluster: id, reason: String(error) }),
        );
      }
    }
    await clock.sleep(seekEveryMs, signal).catch(() => undefined);
  }
}

const seekEveryMs = 5_000; // how closely absences are followed; asks nobody by itself
