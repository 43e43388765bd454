// Judging what others say of where clusters are. First what costs nothing, then the signature, then
// the budgets: so nobody pays for what somebody else said in his name.
import { equalBytes, HansaError, type Clock, type ClusterId, type Crypto } from '@hansa/foundation';
import type { Endpoint, Peers, Reaching } from '../links/contract.ts';
import { announcementHash, requireInTime, requireSigned } from './announcement.ts';
import type { Book, Word } from './book.ts';
import {
  createBudgets,
  overallRate,
  perClusterRate,
  perDelivererRate,
  type Budgets,
} from './budgets.ts';
import type { Announcement, Source } from './contract.ts';
import type { ClusterKeys } from './parts.ts';

export interface HearingNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly keys: ClusterKeys;
  readonly peers: Peers;
  readonly reaching: Reaching;
  readonly book: Book;
  readonly self: ClusterId;
  isBlocked(cluster: ClusterId): boolean;
}

export interface Told {
  readonly source: Source;
  /** The linked cluster that handed it over. */
  readonly from?: ClusterId | undefined;
  /** How many clusters had passed it on before that one. */
  readonly hops?: number | undefined;
  /** Where it was fetched from. */
  readonly near?: Endpoint | undefined;
}

export interface Hearing {
  /**
   * True where it was news, false where it was known; ANNOUNCEMENT_INVALID, ANNOUNCEMENT_STALE or
   * RATE_LIMITED where it is not taken in.
   */
  announced(announcement: Announcement, told: Told): Promise<boolean>;
  /**
   * The same for a shorter word that a directory's own signature vouches for; `hash` is that of the
   * whole announcement.
   */
  looked(word: Word, hash: Uint8Array): Promise<boolean>;
}

export function createHearing(needs: HearingNeeds): Hearing {
  const { clock, book, self, isBlocked } = needs;
  const bounds: Bounds = {
    deliverers: createBudgets<ClusterId>({ clock, each: perDelivererRate, all: unbounded }),
    origins: createBudgets<ClusterId>({ clock, each: perClusterRate, all: overallRate }),
  };
  return {
    announced(announcement, told) {
      const { cluster } = announcement;
      return book.turns.run(cluster, async () => {
        const ignored = cluster === self || isBlocked(cluster);
        const held = book.find(cluster);
        const old = held !== undefined && held.counter >= announcement.counter;
        // What is fetched on purpose says something by where it was fetched from.
        if (ignored || (old && told.source === 'gossip')) {
          return false;
        }
        judge(needs, bounds, { announcement, told });
        return taken(needs, wordOf(announcement, told), told);
      });
    },
    looked: (word, hash) =>
      book.turns.run(word.cluster, async () => {
        if (word.cluster === self || isBlocked(word.cluster)) {
          return false;
        }
        requireInTime(word, clock.now());
        requireSame(needs, word, hash);
        return taken(needs, word, { source: 'dht' });
      }),
  };
}

interface Bounds {
  readonly deliverers: Budgets<ClusterId>;
  readonly origins: Budgets<ClusterId>;
}

// Deliverers are linked peers, whose number is bounded where links are.
const unbounded = { perMinute: Number.MAX_SAFE_INTEGER, burst: Number.MAX_SAFE_INTEGER };

function judge(
  { clock, crypto, keys }: HearingNeeds,
  { deliverers, origins }: Bounds,
  given: { readonly announcement: Announcement; readonly told: Told },
): void {
  const { announcement, told } = given;
  if (told.from !== undefined && !deliverers.take(told.from)) {
    throw new HansaError('RATE_LIMITED', 'too many announcements over this link');
  }
  requireInTime(announcement, clock.now());
  requireSigned(crypto, keys, announcement);
  if (told.source === 'gossip' && !origins.take(announcement.cluster)) {
    throw new HansaError('RATE_LIMITED', 'this cluster, or all together, announce too often');
  }
}

/** What the directory says in short is what the cluster said at length, or it said two things. */
function requireSame({ crypto, book }: HearingNeeds, word: Word, hash: Uint8Array): void {
  const whole = book.find(word.cluster)?.announcement;
  const same = whole === undefined || whole.counter !== word.counter;
  if (!same && !equalBytes(announcementHash(crypto, whole), hash)) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the cluster signed two words with one counter');
  }
}

async function taken(
  { book, peers, reaching }: HearingNeeds,
  word: Word,
  { source, from }: Told,
): Promise<boolean> {
  const news = await book.take(word, { source, from });
  if (news && peers.standing(word.cluster).active && !peers.connected(word.cluster)) {
    reaching.retry(word.cluster);
  }
  return news;
}

function wordOf(announcement: Announcement, { near, hops }: Told): Word {
  const { cluster, name, counter, asOfMs, expiresMs, endpoints, apps } = announcement;
  return { cluster, name, counter, asOfMs, expiresMs, endpoints, apps, announcement, near, hops };
}
