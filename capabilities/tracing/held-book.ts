// Which peer has how much of what we own, and since when we know it: from their beats, in memory.
import type { Clock, ClusterId, FederatedId } from '@hansa/foundation';
import type { HeldPosition } from '../sync/contract.ts';

const stepsMax = 16; // positions of one copy: a trace is asked for while people remember the change
// more than all peers with all their copies would need; about eight megabytes
const copiesMax = 20_000;

interface Step {
  readonly epoch: number;
  readonly sequence: number;
  readonly heardMs: number;
}

export interface HeldCopy {
  readonly peer: ClusterId;
  readonly position: HeldPosition;
  /** When a beat first said that the change is there; undefined where it was before we listened. */
  readonly sinceMs: number | undefined;
}

export interface HeldBook {
  heard(peer: ClusterId, rows: readonly HeldPosition[]): void;
  /** The copies of a resource of ours; `sinceMs` is about the place that is asked for. */
  copies(
    resource: FederatedId,
    place: { readonly epoch: number; readonly sequence: number },
  ): readonly HeldCopy[];
  /** What a peer last said that it holds. */
  of(peer: ClusterId): readonly HeldPosition[];
}

export function createHeldBook(clock: Clock): HeldBook {
  const rows = new Map<ClusterId, readonly HeldPosition[]>();
  const steps = new Map<string, Step[]>();
  const keyOf = (peer: ClusterId, resource: FederatedId): string => `${peer} ${resource}`;
  const note = (peer: ClusterId, { resource, epoch, sequence }: HeldPosition): void => {
    const key = keyOf(peer, resource);
    const known = steps.get(key) ?? [];
    const last = known.at(-1);
    if (last?.epoch === epoch && last.sequence === sequence) {
      return;
    }
    known.push({ epoch, sequence, heardMs: clock.now() });
    known.splice(0, known.length - stepsMax);
    steps.delete(key);
    steps.set(key, known);
    const [oldest] = steps.keys();
    if (steps.size > copiesMax && oldest !== undefined) {
      steps.delete(oldest);
    }
  };
  return {
    heard(peer, said) {
      if (rows.get(peer) === said) {
        return; // the same answer, for another beat
      }
      rows.set(peer, said);
      said.forEach((row) => note(peer, row));
    },
    copies(resource, place) {
      return [...rows].flatMap(([peer, said]) => {
        const position = said.find((row) => row.resource === resource);
        if (position === undefined) {
          return [];
        }
        const known = steps.get(keyOf(peer, resource)) ?? [];
        const at = known.findIndex((step) => reaches(step, place));
        // What was there when we first heard of the copy came at a time that we do not know.
        return [{ peer, position, sinceMs: at > 0 ? known[at]?.heardMs : undefined }];
      });
    },
    of: (peer) => rows.get(peer) ?? [],
  };
}

export function reaches(
  held: { readonly epoch: number; readonly sequence: number },
  place: { readonly epoch: number; readonly sequence: number },
): boolean {
  return held.epoch === place.epoch && held.sequence >= place.sequence;
}
