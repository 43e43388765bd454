// Every directory that is here, own and mirrored, held in memory: what decisions are made on at
// every request. It follows the store; what any node can rebuild at any moment.
import {
  createKeyedMutex,
  federatedId,
  fromUtf8,
  splitFederatedId,
  splitLocalId,
  type ClusterId,
  type Codec,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors, MirrorState } from '../sync/contract.ts';
import { directoryKind } from './contract.ts';
import type { DirectoryEntry } from './entries.ts';
import { readEntry } from './keys.ts';

export interface FollowedNeeds {
  readonly codec: Codec;
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly peers: Pick<Peers, 'standing' | 'resolve' | 'subscribe'>;
  readonly log: Log;
}

/** One directory as it stood at a position of its log. */
export interface HeldDirectory {
  readonly resource: FederatedId;
  readonly owner: ClusterId;
  readonly name: string;
  readonly epoch: number;
  readonly sequence: number;
  /** By `<type>/<name>`, in no particular order. */
  readonly entries: ReadonlyMap<string, HeldEntry>;
}

export interface HeldEntry {
  readonly version: number;
  readonly bytes: number;
  readonly entry: DirectoryEntry;
}

export interface Followed {
  /** Own directories in the order of their names. */
  own(): readonly HeldDirectory[];
  /** Mirrors of that home that count, in the order of their names. */
  of(home: ClusterId): readonly HeldDirectory[];
  /** Clusters other than this one whose directories count here. */
  homes(): readonly ClusterId[];
  find(resource: FederatedId): HeldDirectory | undefined;
  /** Whether those in a mirror may be let in. */
  counts(resource: FederatedId): boolean;
  readonly generation: number;
  subscribe(changed: () => void): () => void;
  /** Resolves once what is stored now is shown; `anew` where even what seems the same is read. */
  refresh(resource: FederatedId, anew?: boolean): Promise<void>;
  forget(resource: FederatedId): void;
  start(): Promise<void>;
  stop(): void;
}

// What its owner has withdrawn, does not let us see or has signed twice lets nobody in any more. A
// mirror whose owner is merely away counts as it stood.
const uncounted: ReadonlySet<MirrorState> = new Set(['absent', 'frozen', 'halted']);
const unread = 0; // of what a change brought: an entry's own version begins at 1
const readsMax = 5; // of a log that moves while it is read: then a change follows anyway

export function createFollowed(needs: FollowedNeeds): Followed {
  const { resources, mirrors, peers, signer, log } = needs;
  const held = new Map<FederatedId, HeldDirectory>();
  const counted = new Map<FederatedId, boolean>();
  const listeners = new Set<() => void>();
  const turns = createKeyedMutex<FederatedId>();
  const waiting = new Map<string, Promise<void>>();
  let generation = 0;
  let stops: readonly (() => void)[] = [];
  const isOwn = (resource: FederatedId): boolean =>
    splitFederatedId(resource).owner === signer.cluster;
  const told = (): void => {
    generation += 1;
    listeners.forEach((listener) => listener());
  };
  const counts = (resource: FederatedId): boolean => {
    const { owner } = splitFederatedId(resource);
    const state = mirrors.find(resource)?.state;
    return state !== undefined && !uncounted.has(state) && peers.standing(owner).active;
  };
  /** Whether a mirror has begun to count, or counts no more. */
  const judge = (resource: FederatedId): void => {
    const now = isOwn(resource) || counts(resource);
    if (held.has(resource) && counted.get(resource) !== now) {
      counted.set(resource, now);
      told();
    }
  };
  const forget = (resource: FederatedId): void => {
    counted.delete(resource);
    if (held.delete(resource)) {
      told();
    }
  };
  const load = async (resource: FederatedId, anew: boolean): Promise<void> => {
    const before = anew ? undefined : held.get(resource);
    const read = isOwn(resource)
      ? await readOwn(needs, resource, before)
      : await readMirror(needs, resource, before);
    if (read === undefined) {
      forget(resource);
    } else if (read !== before) {
      held.set(resource, read);
      counted.set(resource, isOwn(resource) || counts(resource));
      told();
    } else {
      judge(resource);
    }
  };
  // Whoever comes while a reading waits for its turn shares it.
  const refresh = (resource: FederatedId, anew = false): Promise<void> => {
    const key = `${resource} ${String(anew)}`;
    const other = waiting.get(key);
    if (other !== undefined) {
      return other;
    }
    const next = turns.run(resource, () => {
      waiting.delete(key);
      return load(resource, anew);
    });
    waiting.set(key, next);
    return next;
  };
  const follow = (resource: FederatedId): void => {
    judge(resource);
    refresh(resource).catch((error: unknown) =>
      log.problem('directory.unread', error, { resource }),
    );
  };
  const sorted = (list: readonly HeldDirectory[]): readonly HeldDirectory[] =>
    list.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const all = (): readonly HeldDirectory[] => [...held.values()];
  return {
    own: () => sorted(all().filter(({ owner }) => owner === signer.cluster)),
    of: (home) =>
      sorted(
        all().filter(({ owner, resource }) => owner === home && counted.get(resource) === true),
      ),
    homes: () => [
      ...new Set(
        all()
          .filter(
            ({ owner, resource }) => owner !== signer.cluster && counted.get(resource) === true,
          )
          .map(({ owner }) => owner)
          .toSorted(),
      ),
    ],
    find: (resource) => held.get(resource),
    counts: (resource) => counted.get(resource) === true,
    get generation() {
      return generation;
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    refresh,
    forget,
    async start() {
      stops = [
        resources.subscribe((id) => {
          if (isDirectory(splitLocalId(id))) {
            follow(federatedId(signer.cluster, id));
          }
        }),
        mirrors.subscribe((resource) => {
          if (isDirectory(splitFederatedId(resource))) {
            follow(resource);
          }
        }),
        peers.subscribe((cluster) =>
          all().forEach(({ owner, resource }) => owner === cluster && judge(resource)),
        ),
      ];
      const own = resources.all().filter(isDirectory);
      await Promise.all(own.map(({ id }) => refresh(federatedId(signer.cluster, id))));
    },
    stop: () => stops.forEach((stop) => stop()),
  };
}

/** A lane's name begins with "@", which no person can give: directories have none. */
function isDirectory({ kind, name }: { readonly kind: string; readonly name: string }): boolean {
  return kind === directoryKind && !name.startsWith('@');
}

/** The same object where nothing has changed; undefined where there is none. */
async function readOwn(
  needs: FollowedNeeds,
  resource: FederatedId,
  before: HeldDirectory | undefined,
): Promise<HeldDirectory | undefined> {
  const { local } = splitFederatedId(resource);
  const pointNow = (): Point | undefined =>
    needs.resources.find(local) === undefined ? undefined : needs.resources.point(local);
  for (let reading = 1; ; reading += 1) {
    const point = pointNow();
    if (point === undefined || isAt(before, point)) {
      return point === undefined ? undefined : before;
    }
    const read = await readOwnAt(needs, { resource, point, before });
    // Whoever writes on top of it has to know where it stood.
    if (reading >= readsMax || pointNow()?.sequence === read.sequence) {
      return read;
    }
  }
}

interface Reading {
  readonly resource: FederatedId;
  readonly point: Point;
  readonly before: HeldDirectory | undefined;
}

async function readOwnAt(needs: FollowedNeeds, reading: Reading): Promise<HeldDirectory> {
  const { before, point, resource } = reading;
  const changed = before?.epoch === point.epoch ? await readChanges(needs, before) : undefined;
  const { local } = splitFederatedId(resource);
  return changed ?? readAll(needs, reading, needs.resources.entries(local));
}

/** What was written since; undefined where that is not kept, or no longer fits what is held. */
async function readChanges(
  { resources, codec }: FollowedNeeds,
  before: HeldDirectory,
): Promise<HeldDirectory | undefined> {
  const { resource, epoch } = before;
  const { local } = splitFederatedId(resource);
  if ((await resources.keptAfter(local)) > before.sequence) {
    return undefined;
  }
  const entries = new Map(before.entries);
  let { sequence } = before;
  for await (const next of resources.changes(local, { epoch, sequence })) {
    for (const op of next.change.ops) {
      const { key } = 'delete' in op ? op.delete : op.put;
      const text = fromUtf8(key);
      if ('delete' in op) {
        entries.delete(text);
      } else {
        const entry = readable(codec, op.put);
        if (entry === undefined) {
          return undefined;
        }
        const bytes = key.length + op.put.value.length;
        entries.set(text, { version: unread, bytes, entry });
      }
    }
    ({ sequence } = next);
  }
  return { ...before, sequence, entries };
}

function readable(
  codec: Codec,
  stored: { readonly key: Uint8Array; readonly value: Uint8Array },
): DirectoryEntry | undefined {
  try {
    return readEntry(codec, stored);
  } catch {
    return undefined;
  }
}

async function readMirror(
  needs: FollowedNeeds,
  resource: FederatedId,
  before: HeldDirectory | undefined,
): Promise<HeldDirectory | undefined> {
  const { mirrors } = needs;
  const applied = mirrors.find(resource)?.applied;
  if (applied === undefined || isAt(before, applied)) {
    return applied === undefined ? undefined : before;
  }
  const view = await mirrors.view(resource);
  // What moves while it is read is told again by whoever moves it.
  return view === undefined
    ? undefined
    : readAll(needs, { resource, point: applied, before }, view.entries());
}

interface Point {
  readonly epoch: number;
  readonly sequence: number;
}

function isAt(held: HeldDirectory | undefined, { epoch, sequence }: Point): boolean {
  return held?.epoch === epoch && held.sequence === sequence;
}

async function readAll(
  { codec, log }: FollowedNeeds,
  { resource, point, before }: Reading,
  stored: AsyncIterable<ResourceEntry>,
): Promise<HeldDirectory> {
  const { owner, name } = splitFederatedId(resource);
  const { epoch, sequence } = point;
  const known = before?.epoch === epoch ? before.entries : undefined;
  const entries = new Map<string, HeldEntry>();
  for await (const { key, value, version } of stored) {
    try {
      const text = fromUtf8(key);
      const same = known?.get(text);
      const isSame = same?.version === version;
      const bytes = key.length + value.length;
      entries.set(
        text,
        isSame ? same : { version, bytes, entry: readEntry(codec, { key, value }) },
      );
    } catch (error) {
      // Of an own one that was damaged, or brought back from elsewhere: it lets nobody in.
      log.problem('directory.entry-unread', error, { resource });
    }
  }
  return { resource, owner, name, epoch, sequence, entries };
}
