// Watching a space: every change after a position, in order and each once. Own spaces are read from
// their log, mirrors from the feed.
import { HansaError, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { KvChange, KvEvent } from './contract.ts';
import type { Feed, FeedChange, FeedEvent } from './feed.ts';
import { resolveSpace, sourceOf, type FindingNeeds } from './finding.ts';
import { readChange } from './mirrored.ts';
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

export async function* watchSpace(
  needs: WatchingNeeds,
  asked: {
    readonly space: string;
    readonly from?: number | undefined;
    readonly key?: string | undefined;
    readonly prefix?: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): AsyncIterable<KvChange> {
  const resource = resolveSpace(needs, asked.space);
  const { owner } = splitFederatedId(resource);
  const source =
    owner === needs.signer.cluster ? ownLog(needs, resource) : mirrored(needs, resource);
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
        const shown = shownChange(change, asked);
        if (shown !== undefined) {
          yield shown;
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

function requireNext(resource: FederatedId, at: number | undefined, previous: number): void {
  if (at !== undefined && previous !== at) {
    throw gone(resource, at);
  }
}

function gone(resource: FederatedId, at: number): HansaError {
  const { name } = splitFederatedId(resource);
  return new HansaError('REVISION_GONE', `what came after revision ${at} of ${name} is not kept`);
}

function shownChange(
  { sequence, events }: FeedChange,
  asked: { readonly key?: string | undefined; readonly prefix?: string | undefined },
): KvChange | undefined {
  const { key: only, prefix = '' } = asked;
  const wanted = events.filter(
    ({ key }) => key.startsWith(prefix) && (only === undefined || key === only),
  );
  return wanted.length === 0 ? undefined : { revision: sequence, events: wanted.map(shownEvent) };
}

function shownEvent({ key, cell }: FeedEvent): KvEvent {
  if (cell === undefined) {
    return { type: 'delete', key };
  }
  const { value, at, by } = cell;
  return { type: 'put', key, ...spellValue(value), writtenMs: at[0], writtenBy: by };
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
