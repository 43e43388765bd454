// The last revisions of addresses that are no more. Two generations, the older of which is
// forgotten as a whole: forgetting one by one costs more the more are remembered.

export interface Tombstones {
  get(address: string): number | undefined;
  set(address: string, revision: number): void;
  delete(address: string): void;
}

/** Remembers at least half of `max`, and never more. */
export function createTombstones(max: number): Tombstones {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  return {
    get: (address) => young.get(address) ?? old.get(address),
    set(address, revision) {
      if (young.size * 2 >= max) {
        old = young;
        young = new Map();
      }
      young.set(address, revision);
    },
    delete(address) {
      young.delete(address);
      old.delete(address);
    },
  };
}
