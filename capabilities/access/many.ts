// Decisions for everybody who is known: in a fixed order, and with pauses for others.
import type { Clock } from '@hansa/foundation';
import type { Account, Directories } from '../directory/contract.ts';

export function inOrder(directories: Pick<Directories, 'accounts'>): readonly Account[] {
  return directories.accounts().toSorted((a, b) => (a.principal < b.principal ? -1 : 1));
}

const untilPause = 32; // people, or some ten milliseconds: others are answered in between

/** Many decisions in a row would keep everybody else waiting. */
export async function* withPauses<T>(
  items: readonly T[],
  clock: Clock,
  signal: AbortSignal | undefined,
): AsyncIterable<T> {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % untilPause === 0) {
      await clock.sleep(0, signal);
    }
    yield item;
  }
}
