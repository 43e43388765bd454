// The newest changes of mirrored spaces, kept in memory for those who watch: a mirror itself keeps
// entries, not how they came. All mirrors share one bound; the oldest changes of any go first.
import type { FederatedId } from '@hansa/foundation';
import type { Cell } from './contract.ts';

// what one slow reader may hold in memory before it is told to list again
export const feedBytesMax: number = 32 * 1_024 * 1_024;
export const feedChangesMax = 50_000; // small ones cost more than their bytes: about 30 MiB of them

export interface FeedEvent {
  readonly key: string;
  /** Undefined where the key was deleted. */
  readonly cell: Cell | undefined;
}

/** One change of a space, as whoever watches needs it. */
export interface FeedChange {
  readonly previous: number;
  readonly sequence: number;
  readonly events: readonly FeedEvent[];
}

export interface Feed {
  /**
   * Where a mirror stands, however it came there: at the start of the process, or by a copy that
   * took the place of what was there. What is kept of the way before is forgotten.
   */
  begin(resource: FederatedId, sequence: number): void;
  /** In their order, once they are applied. */
  publish(resource: FederatedId, changes: readonly FeedChange[]): void;
  /** The change on top of a position; of the oldest one kept, where none is given. */
  after(resource: FederatedId, previous: number | undefined): FeedChange | undefined;
  /** Undefined where nothing is known. */
  newest(resource: FederatedId): number | undefined;
  subscribe(resource: FederatedId, changed: () => void): () => void;
  /** After the mirror was removed. */
  drop(resource: FederatedId): void;
}

interface Kept {
  newest: number;
  /** By the position before each, oldest first. */
  readonly changes: Map<number, FeedChange>;
}

export function createFeed(): Feed {
  const spaces = new Map<FederatedId, Kept>();
  const listeners = createListeners();
  // Oldest first, over all spaces; a change that was dropped with its space is passed over.
  const order = new Map<FeedChange, FederatedId>();
  let bytes = 0;
  const keptOf = (resource: FederatedId, newest: number): Kept => {
    const kept = spaces.get(resource) ?? { newest, changes: new Map() };
    spaces.set(resource, kept);
    return kept;
  };
  const forget = (resource: FederatedId, change: FeedChange): void => {
    order.delete(change);
    bytes -= weightOf(change);
    const changes = spaces.get(resource)?.changes;
    if (changes?.get(change.previous) === change) {
      changes.delete(change.previous);
    }
  };
  const forgetAll = (resource: FederatedId): void => {
    for (const change of spaces.get(resource)?.changes.values() ?? []) {
      forget(resource, change);
    }
  };
  const shrink = (): void => {
    for (const [change, resource] of order) {
      if (bytes <= feedBytesMax && order.size <= feedChangesMax) {
        return;
      }
      forget(resource, change);
    }
  };
  return {
    begin(resource, sequence) {
      forgetAll(resource);
      keptOf(resource, sequence).newest = sequence;
      listeners.tell(resource);
    },
    publish(resource, changes) {
      for (const change of changes) {
        const kept = keptOf(resource, change.previous);
        kept.newest = Math.max(kept.newest, change.sequence);
        const before = kept.changes.get(change.previous);
        if (before !== undefined) {
          forget(resource, before);
        }
        kept.changes.set(change.previous, change);
        order.set(change, resource);
        bytes += weightOf(change);
      }
      shrink();
      listeners.tell(resource);
    },
    after(resource, previous) {
      const changes = spaces.get(resource)?.changes;
      if (previous !== undefined) {
        return changes?.get(previous);
      }
      const [oldest] = changes?.values() ?? [];
      return oldest;
    },
    newest: (resource) => spaces.get(resource)?.newest,
    subscribe: listeners.subscribe,
    drop(resource) {
      forgetAll(resource);
      spaces.delete(resource);
      listeners.tell(resource);
    },
  };
}

interface Listeners {
  tell(resource: FederatedId): void;
  readonly subscribe: Feed['subscribe'];
}

function createListeners(): Listeners {
  const bySpace = new Map<FederatedId, Set<() => void>>();
  return {
    tell: (resource) => bySpace.get(resource)?.forEach((changed) => changed()),
    subscribe(resource, changed) {
      const held = bySpace.get(resource) ?? new Set();
      bySpace.set(resource, held);
      held.add(changed);
      return () => {
        held.delete(changed);
        if (held.size === 0 && bySpace.get(resource) === held) {
          bySpace.delete(resource);
        }
      };
    },
  };
}

const eventWeight = 256; // what an event costs besides its key and value

function weightOf({ events }: FeedChange): number {
  return events.reduce(
    (sum, { key, cell }) => sum + eventWeight + 2 * key.length + (cell?.value.length ?? 0),
    0,
  );
}
