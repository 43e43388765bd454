// Watching a space: every change after a position, in order and each once. Own spaces are read from
// their log, mirrors from the feed.
import { HansaError, isHansaError, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { KvChange, KvEntry, KvEvent } from './contract.ts';
import type { Feed, FeedChange, FeedEvent } from './feed.ts';
import { resolveSpace, sourceOf, type FindingNeeds } from './finding.ts';
import { readChange } from './mirrored.ts';
import { readEntry } from './reading.ts';
import { spellValue } from './value-text.ts';

export interface WatchingNeeds extends FindingNeeds {
  readonly feed: Feed;
}

interface ChangeSource {
  /** What follows a position, as far as there is; from the oldest kept, where none is given. */
  after(position: number | undefined): AsyncIterable<FeedChange>;
  /** Undefined where nothing is known; throws where the space is gone. */
  newest(): Promise<number | undefined>;
  subscribe(changed: () => void): () => void;
}

export interface WatchAsked {
  readonly space: string;
  readonly from?: number | undefined;
  readonly key?: string | undefined;
  readonly prefix?: string | undefined;
  readonly prev?: boolean | undefined;
  readonly signal: AbortSignal | undefined;
}

export async function* watchSpace(
  needs: WatchingNeeds,
  asked: WatchAsked,
): AsyncIterable<KvChange> {
  const resource = resolveSpace(needs, asked.space);
  const source = changesOf(needs, resource, asked);
  const bell = createBell(source, asked.signal);
  try {
    const { revision } = await sourceOf(needs, resource);
    // 0 is before everything: what is kept of it, and on a mirror without content all that comes.
    let at: number | undefined = (asked.from ?? revision) || undefined;
    while (asked.signal?.aborted !== true) {
      bell.hush();
      const newest = await source.newest();
      for await (const change of source.after(at)) {
        requireNext(resource, at, change.previous);
        at = change.sequence;
        const wanted = { ...change, events: wantedOf(change, asked) };
        if (wanted.events.length > 0) {
          const before =
            asked.prev === true ? await valuesBefore(needs, resource, wanted) : undefined;
          yield shownChange(wanted, before);
        }
      }
      if (at !== undefined && newest !== undefined && at < newest) {
        throw gone(resource, at);
      }
      await bell.rung();
    }
  } finally {
    bell.leave();
  }
}

function changesOf(
  needs: WatchingNeeds,
  resource: FederatedId,
  { prev = false }: WatchAsked,
): ChangeSource {
  if (splitFederatedId(resource).owner === needs.signer.cluster) {
    return ownLog(needs, resource);
  }
  if (prev) {
    throw new HansaError('INPUT_INVALID', 'a mirror does not keep what stood before a change', {
      fix: 'watch it at its owner, or without the values before',
    });
  }
  return mirrored(needs, resource);
}

function requireNext(resource: FederatedId, at: number | undefined, previous: number): void {
  if (at !== undefined && previous !== at) {
    throw gone(resource, at);
  }
}

function gone(resource: FederatedId, at: number): HansaError {
  const { name } = splitFederatedId(resource);
  return new HansaError('REVISION_GONE', `what came after revision ${at} of ${name} is not kept`);
}

function wantedOf({ events }: FeedChange, asked: WatchAsked): readonly FeedEvent[] {
  const { key: only, prefix = '' } = asked;
  return events.filter(({ key }) => key.startsWith(prefix) && (only === undefined || key === only));
}

/** By key; the store at the revision before the change's has them, as long as it keeps that. */
async function valuesBefore(
  needs: WatchingNeeds,
  resource: FederatedId,
  { sequence, events }: FeedChange,
): Promise<ReadonlyMap<string, KvEntry>> {
  const found = new Map<string, KvEntry>();
  try {
    const source = await sourceOf(needs, resource, sequence - 1);
    for (const { key } of events) {
      const entry = await readEntry(needs.codec, source, key);
      if (entry !== undefined) {
        found.set(key, entry);
      }
    }
  } catch (error) {
    throw isHansaError(error, 'STORE_COMPACTED') ? gone(resource, sequence - 1) : error;
  }
  return found;
}

function shownChange(
  { sequence, events }: FeedChange,
  before: ReadonlyMap<string, KvEntry> | undefined,
): KvChange {
  return { revision: sequence, events: events.map((event) => shownEvent(event, before)) };
}

function shownEvent(
  { key, cell }: FeedEvent,
  before: ReadonlyMap<string, KvEntry> | undefined,
): KvEvent {
  const prev = before === undefined ? {} : { prev: before.get(key) ?? null };
  if (cell === undefined) {
    return { type: 'delete', key, ...prev };
  }
  const { value, at, by } = cell;
  return { type: 'put', key, ...spellValue(value), writtenMs: at[0], writtenBy: by, ...prev };
}

function ownLog({ resources, codec }: WatchingNeeds, resource: FederatedId): ChangeSource {
  const { owner, local } = splitFederatedId(resource);
  return {
    async *after(position = 0) {
      const epoch = resources.find(local)?.epoch ?? 0;
      for await (const change of resources.changes(local, { epoch, sequence: position })) {
        yield readChange(codec, owner, change);
      }
    },
    async newest() {
      const position = resources.point(local);
      if (position === undefined) {
        throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${local} here any more`);
      }
      return position.sequence;
    },
    subscribe: (changed) => resources.subscribe((id) => (id === local ? changed() : undefined)),
  };
}

function mirrored({ feed, mirrors }: WatchingNeeds, resource: FederatedId): ChangeSource {
  return {
    async *after(position) {
      let change = feed.after(resource, position);
      while (change !== undefined) {
        yield change;
        change = feed.after(resource, change.sequence);
      }
    },
    async newest() {
      if (mirrors.find(resource) === undefined) {
        throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${resource} any more`);
      }
      return feed.newest(resource);
    },
    subscribe(changed) {
      const stops = [
        feed.subscribe(resource, changed),
        mirrors.subscribe((each) => (each === resource ? changed() : undefined)),
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
}

interface Bell {
  /** Forgets what rang until now. */
  hush(): void;
  /** Resolves when something changed since `hush`, or the watch is over. */
  rung(): Promise<void>;
  leave(): void;
}

function createBell(source: ChangeSource, signal: AbortSignal | undefined): Bell {
  let rang = false;
  let wake = (): void => undefined;
  const ring = (): void => {
    rang = true;
    wake();
  };
  const leave = source.subscribe(ring);
  signal?.addEventListener('abort', ring, { once: true });
  return {
    hush: () => {
      rang = false;
    },
    rung: () =>
      new Promise((resolve) => {
        wake = resolve;
        if (rang || signal?.aborted === true) {
          resolve();
        }
      }),
    leave() {
      leave();
      signal?.removeEventListener('abort', ring);
    },
  };
}
