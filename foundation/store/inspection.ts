// What a store on a disk of its own can tell of that disk: which of its records are not what was
// written. Engines that keep copies by themselves have none.

/** A record that is not what was written, by where it lies. */
export interface DamagedRecord {
  /** The engine's own name of the record. */
  readonly record: Uint8Array;
  /** The key whose newest state it was; absent where it is of the store's history or its leases. */
  readonly key?: Uint8Array | undefined;
}

export interface InspectedRecords {
  readonly records: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedRecord[];
  /** Where to go on; absent at the end. */
  readonly after?: Uint8Array | undefined;
}

export interface StoreInspection {
  /** Reads and checks a bounded piece of all records, after one of them. */
  inspect(after: Uint8Array | undefined): Promise<InspectedRecords>;
  /**
   * Takes a record out of the store, into a file beside it; false where it is sound by now. What it
   * said has to come from somewhere else.
   */
  setAside(record: Uint8Array): Promise<boolean>;
}
