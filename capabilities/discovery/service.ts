// Discovery put together: the book, the ways that are on, and what people ask of them.
import {
  deadline,
  HansaError,
  isHansaError,
  reportOf,
  type ClusterId,
  type ErrorReport,
} from '@hansa/foundation';
import { createAnnouncing, type Announcing } from './announcing.ts';
import { createBook, endpointsOf, type Book } from './book.ts';
import type { Discovery, DiscoveryStatus, Found } from './contract.ts';
import { createGossip, type Gossip } from './gossip.ts';
import { createHearing, type Hearing } from './hearing.ts';
import { discoveryTables, type FoundRecord } from './keys.ts';
import { createLan, type Claim, type Lan } from './lan.ts';
import type { DiscoveryNeeds } from './parts.ts';
import { createPublishing, type Publishing } from './publishing.ts';

// a person waits; whoever is on the network answers within moments, a directory within seconds
const findTimeoutMs = 10_000;
const pruneEveryMs = 3_600_000; // words live for a day; an hour more costs nothing

export interface DiscoveryParts {
  readonly discovery: Discovery;
  readonly announcing: Announcing;
  readonly hearing: Hearing;
  readonly gossip: Gossip;
  readonly lan: Lan | undefined;
  readonly publishing: Publishing | undefined;
  readonly book: Book;
  readonly counts: { taken: number; refused: number };
  /** Whether this cluster says anywhere where it is. */
  readonly speaks: boolean;
  isBlocked(cluster: ClusterId): boolean;
  /** Why the local network is not heard; undefined where it is. */
  lanProblem: ErrorReport | undefined;
  /** Forgets what is past its time, until the signal aborts. */
  prune(signal: AbortSignal): Promise<void>;
}

export function createDiscovery(needs: DiscoveryNeeds): DiscoveryParts {
  const { signer, clock, peers, reaching, options = {} } = needs;
  const { gossip: gossips = false, lan: network, directory } = options;
  const isBlocked = needs.isBlocked ?? (() => false);
  const apps = needs.apps ?? (() => []);
  const tables = discoveryTables(needs.store, needs.codec);
  const book = createBook({ ...needs, tables });
  const self = signer.cluster;
  const announcing = createAnnouncing({
    ...needs,
    tables,
    apps,
    gossip: gossips,
    ownEndpoints: () => reaching.ownEndpoints(),
  });
  const hearing = createHearing({ ...needs, book, self, isBlocked });
  const gossip = createGossip({ ...needs, book, announcing, on: gossips, isBlocked });
  const made = { announcing, hearing, book };
  reaching.setAddressBook({
    endpoints(peer) {
      const record = book.find(peer);
      return record === undefined ? [] : endpointsOf(record);
    },
  });
  const parts: Omit<DiscoveryParts, 'discovery'> = {
    ...made,
    gossip,
    isBlocked,
    counts: { taken: 0, refused: 0 },
    speaks: gossips || network !== undefined || directory !== undefined,
    lan: network === undefined ? undefined : createLan({ ...needs, ...made, network, self }),
    publishing:
      directory === undefined ? undefined : createPublishing({ ...needs, ...made, directory }),
    lanProblem: undefined,
    async prune(signal) {
      for (;;) {
        await book.prune();
        await clock.sleep(pruneEveryMs, signal);
      }
    },
  };
  const shown = (record: FoundRecord): Found => ({
    ...foundOf(record),
    linkedAs: peers.standing(record.cluster).name,
    ageMs: Math.max(0, clock.now() - record.asOfMs),
  });
  return Object.assign(parts, {
    discovery: {
      async list() {
        const known = book.all().map(shown);
        const claimed = (parts.lan?.claims() ?? [])
          .filter(({ claim }) => book.find(claim.cluster) === undefined)
          .map((claim) => ({
            ...claimedOf(claim),
            linkedAs: peers.standing(claim.claim.cluster).name,
            ageMs: Math.max(0, clock.now() - claim.heardMs),
          }));
        return { found: [...known, ...claimed].toSorted(byName) };
      },
      find: ({ cluster }, call) => find({ needs, parts }, cluster, call?.signal).then(shown),
      status: async () => statusOf(needs, parts),
    } satisfies Discovery,
  });
}

function byName(a: Found, b: Found): number {
  return a.name < b.name || (a.name === b.name && a.cluster < b.cluster) ? -1 : 1;
}

type Told = Omit<Found, 'ageMs' | 'linkedAs'>;

function foundOf(record: FoundRecord): Told {
  const { cluster, name, counter, asOfMs, expiresMs, apps, heard } = record;
  const said = { cluster, name, counter, asOfMs, expiresMs, apps, heard };
  return { ...said, endpoints: endpointsOf(record), verified: true };
}

function claimedOf({ claim, heardMs, problem }: Claim): Told {
  const { cluster, node, address, counter } = claim;
  return {
    cluster,
    name: '',
    verified: false,
    counter,
    asOfMs: heardMs,
    expiresMs: heardMs,
    endpoints: [{ node, addresses: [address] }],
    apps: [],
    heard: [{ source: 'mdns', heardMs }],
    problem,
  };
}

/** What a way knows newer than the book arrives in the book; what was known before is the rest. */
async function find(
  given: { readonly needs: DiscoveryNeeds; readonly parts: Omit<DiscoveryParts, 'discovery'> },
  cluster: ClusterId,
  signal: AbortSignal | undefined,
): Promise<FoundRecord> {
  const { clock } = given.needs;
  const { book, lan, publishing } = given.parts;
  const before = book.find(cluster);
  const reason = (): Error => new HansaError('TIMED_OUT', 'nobody answered in time');
  const limit = deadline(clock, findTimeoutMs, { reason, signal });
  const answered: { falsehood?: HansaError } = {};
  const isNews = (): boolean => (book.find(cluster)?.counter ?? 0) > (before?.counter ?? 0);
  let stop = (): void => undefined;
  const arrived = new Promise<void>((resolve) => {
    stop = book.rows.subscribe(() => isNews() && resolve());
    limit.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const looked = publishing
    ?.lookUp(cluster, limit.signal)
    .then(() => undefined)
    .catch((error: unknown) => {
      if (isHansaError(error, 'ANNOUNCEMENT_INVALID')) {
        answered.falsehood = error;
      }
    });
  lan?.ask();
  // Nobody on a network says that he is not there: who was not known is waited for.
  const waits = lan !== undefined && before === undefined;
  await Promise.race([arrived, waits ? arrived : (looked ?? Promise.resolve())]);
  stop();
  limit.done();
  const found = book.find(cluster);
  if (found === undefined) {
    throw (
      answered.falsehood ??
      new HansaError('CLUSTER_UNKNOWN', `nobody knows ${cluster.slice(0, 8)}…`)
    );
  }
  return found;
}

function statusOf(
  { options = {} }: DiscoveryNeeds,
  parts: Omit<DiscoveryParts, 'discovery'>,
): DiscoveryStatus {
  const { announcing, book, counts, gossip, lan, lanProblem, publishing } = parts;
  const present = announcing.present();
  const published = publishing?.status();
  return {
    announced: present === undefined ? undefined : withoutSignature(present),
    tracked: book.all().length,
    gossip: { on: options.gossip === true, ...counts, forwarded: gossip.counts.forwarded },
    mdns: { on: lan !== undefined, problem: lanProblem, claims: lan?.claims().length ?? 0 },
    dht: {
      on: publishing !== undefined,
      problem: published?.problem,
      nodes: options.directory?.nodes() ?? 0,
      publishedMs: published?.publishedMs,
    },
    relays: options.relays ?? [],
  };
}

function withoutSignature<T extends { readonly signature: Uint8Array }>(
  signed: T,
): Omit<T, 'signature'> {
  const { signature: _signature, ...rest } = signed;
  return rest;
}

/** Why the local network cannot be used; the node goes on without it. */
export function lanProblemOf(error: unknown): ErrorReport {
  return reportOf(
    isHansaError(error)
      ? error
      : new HansaError('DISCOVERY_OFF', `the local network is not heard: ${String(error)}`),
  );
}
