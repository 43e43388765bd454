// What a collection must leave alone: blobs that somebody holds, and those written or held since it
// began.
import type { BlobId } from '@hansa/foundation';

export interface Keeping {
  hold(id: BlobId): { release(): void };
  /** The blob was written just now. */
  touch(id: BlobId): void;
  /** Begins a collection; `keeps` is true of what it must leave alone. */
  begin(): { keeps(id: BlobId): boolean; end(): void };
}

export function createKeeping(): Keeping {
  const holds = new Map<BlobId, number>();
  const collections = new Set<Set<BlobId>>();
  const touch = (id: BlobId): void => collections.forEach((ids) => ids.add(id));
  return {
    touch,
    hold(id) {
      holds.set(id, (holds.get(id) ?? 0) + 1);
      touch(id);
      let held = true;
      return {
        release() {
          const left = (holds.get(id) ?? 0) - (held ? 1 : 0);
          held = false;
          if (left > 0) {
            holds.set(id, left);
          } else {
            holds.delete(id);
          }
        },
      };
    },
    begin() {
      const kept = new Set<BlobId>(holds.keys());
      collections.add(kept);
      return {
        keeps: (id) => kept.has(id),
        end: () => collections.delete(kept),
      };
    },
  };
}
