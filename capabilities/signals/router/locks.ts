// Who holds which param: a lock ends with whoever took it.
import type { Param } from './param.ts';

export interface Locks {
  /** The param's holder is this one from now on, or nobody. */
  give(param: Param, holder: string | undefined): void;
  /** Frees all that a holder has. */
  release(holder: string): void;
}

export function createLocks(): Locks {
  const held = new Map<string, Set<Param>>();
  const take = (param: Param): void => {
    const { holder } = param;
    const own = holder === undefined ? undefined : held.get(holder);
    if (holder !== undefined && own !== undefined) {
      own.delete(param);
      if (own.size === 0) {
        held.delete(holder);
      }
    }
  };
  return {
    give(param, holder) {
      if (holder === param.holder) {
        return;
      }
      take(param);
      param.holder = holder;
      if (holder !== undefined) {
        const own = held.get(holder) ?? new Set();
        own.add(param);
        held.set(holder, own);
      }
    },
    release(holder) {
      held.get(holder)?.forEach((param) => {
        param.holder = undefined;
      });
      held.delete(holder);
    },
  };
}
