// What is found where a resource is read whole, and held against what proves it.

/** Something that is not as it was written. */
export interface ResourceProblem {
  readonly what: 'entry' | 'change' | 'unreadable';
  readonly sentence: string;
  /** Of an entry. */
  readonly key?: Uint8Array | undefined;
  /** What the entry has to hash to. */
  readonly leaf?: Uint8Array | undefined;
  /** Of changes: those after this sequence are sound again. */
  readonly upTo?: number | undefined;
}

export interface ResourceInspection {
  readonly entries: number;
  readonly bytes: number;
  readonly problems: readonly ResourceProblem[];
}

export interface InspectionOrder {
  /** Told of what was read, and waited for: whoever asks has a budget of bytes. */
  readonly spend: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface MendedResource {
  readonly mended: number;
  /** Entries that nobody had. */
  readonly missing: number;
}
