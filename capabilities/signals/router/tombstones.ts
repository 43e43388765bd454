// The last revisions of addresses that are no more. Two generations, the older of which is
// forgotten as a whole: forgetting one by one costs more the more are remembered. What is forgotten
// raises the floor, so that no address ever goes back.

export interface Tombstones {
  /** What an address that comes now goes on after. */
  last(address: string): number;
  set(address: string, revision: number): void;
  delete(address: string): void;
  /** No address begins at less from now on. */
  raise(floor: number): void;
}

/** Remembers at least half of `max`, and never more. */
export function createTombstones(max: number): Tombstones {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  let floor = 0;
  const raise = (revision: number): void => {
    floor = Math.max(floor, revision);
  };
  return {
    last: (address) => Math.max(floor, young.get(address) ?? old.get(address) ?? 0),
    set(address, revision) {
      if (young.size * 2 >= max) {
        old.forEach(raise);
        old = young;
        young = new Map();
      }
      young.set(address, revision);
    },
    delete(address) {
      young.delete(address);
      old.delete(address);
    },
    raise,
  };
}
