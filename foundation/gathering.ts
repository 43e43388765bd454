// Work on one thing that is gathered: while one step is on its way, what comes for the same thing
// is collected, and the next step does all of it. Many callers then share one write.

export interface Gathering<T> {
  /** The step answers for each of its own; it must not reject. */
  add(key: string, one: T): void;
}

export function createGathering<T>(needs: {
  /** How much of a step it fills. */
  readonly weigh?: (one: T) => number;
  /** One that weighs more has a step of its own. */
  readonly weightMax: number;
  readonly step: (key: string, batch: readonly T[]) => Promise<void>;
}): Gathering<T> {
  const { weigh = () => 1, weightMax, step } = needs;
  const waiting = new Map<string, T[]>();
  const next = (queue: T[]): T[] => {
    let weight = 0;
    let count = 0;
    for (const one of queue) {
      weight += weigh(one);
      if (count > 0 && weight > weightMax) {
        break;
      }
      count += 1;
    }
    return queue.splice(0, count);
  };
  const drain = async (key: string, queue: T[]): Promise<void> => {
    while (queue.length > 0) {
      await step(key, next(queue));
    }
    waiting.delete(key);
  };
  return {
    add(key, one) {
      const queue = waiting.get(key);
      if (queue !== undefined) {
        queue.push(one);
        return;
      }
      const begun = [one];
      waiting.set(key, begun);
      void drain(key, begun);
    },
  };
}
