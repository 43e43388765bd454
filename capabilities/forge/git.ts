// What the forge needs of git, and nothing more. The records and packs of the cluster are the
// truth; a repository behind this interface is a cache on disk that can be rebuilt from them at any
// time. Drivers: git-cli.

/** 40 lower-case hex digits (SHA-1) or 64 (SHA-256). */
export type ObjectId = string;
export type ObjectFormat = 'sha1' | 'sha256';
export type GitService = 'git-upload-pack' | 'git-receive-pack';

export const objectIdPattern: RegExp = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Refs below this are the platform's own: never advertised and never pushed to. */
export const internalRefPrefix = 'refs/hansa/';

export interface Ref {
  /** Full: `refs/heads/main`. */
  readonly name: string;
  readonly target: ObjectId;
}

export interface RepositoryState {
  /** Sorted by name, byte by byte. */
  readonly refs: readonly Ref[];
  /** The branch that HEAD names, whether it exists yet or not: `refs/heads/main`. */
  readonly head: string;
  /** Commits whose parents the repository does not have; sorted. Empty for a whole history. */
  readonly shallow: readonly ObjectId[];
}

export interface RefChange {
  readonly ref: string;
  /** `null` where the ref is made. */
  readonly old: ObjectId | null;
  /** `null` where the ref is deleted. */
  readonly new: ObjectId | null;
}

/** A push that passed git's checks and waits for a decision. Nothing of it is visible yet. */
export interface Push {
  readonly changes: readonly RefChange[];
  /**
   * What the cache holds now; `pack()` leaves out what these refs reach. Compare it with the
   * records.
   */
  readonly before: RepositoryState;
  /** What it will hold if the push is accepted. */
  readonly after: RepositoryState;
  /**
   * The new objects as one thin pack that applies on top of `before`, and of what else the reader
   * has; undefined where none is new.
   */
  pack(alsoHad?: readonly ObjectId[]): Promise<AsyncIterable<Uint8Array> | undefined>;
  /**
   * True where every commit of `older` is in the history of `newer`: the change is a fast-forward.
   */
  isAncestor(older: ObjectId, newer: ObjectId): Promise<boolean>;
}

export type PushDecision =
  /** `head` is the branch that HEAD shall name from now on; by default the one it names. */
  | { readonly accept: true; readonly head?: string }
  /** One line that the pusher reads after `remote:`. */
  | { readonly accept: false; readonly reason: string };

/**
 * Makes the push durable, or refuses it. What comes through smart HTTP has passed `pushFault`
 * before. The repository's refs are held meanwhile: it must not call
 * `setState` of the same repository, nor wait for one who does. Once it has begun, the push is no
 * longer cancelled; once it accepts, the refs move.
 */
export type DecidePush = (push: Push) => Promise<PushDecision>;

/** One half of a conversation with a stock git client. */
export interface Talk {
  /** The client's `Git-Protocol` header. */
  readonly protocol?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Packs that were verified beside a repository and are not yet part of it. */
export interface Staged {
  /** Objects in the packs as they came. */
  readonly objects: number;
  /**
   * Objects that are reachable from the tips and neither in the repository nor in the packs,
   * sorted; at most a hundred are named. None means that refs may move to the tips.
   */
  missing(tips: readonly ObjectId[]): Promise<readonly ObjectId[]>;
  /** Those of the ids that no branch can stand at, because they are no commits. */
  notCommits(ids: readonly ObjectId[]): Promise<readonly ObjectId[]>;
  /**
   * Makes the packs part of the repository, durably. Adopting what is there already changes
   * nothing.
   */
  adopt(): Promise<void>;
  discard(): Promise<void>;
}

export interface StageOptions {
  /**
   * The packs in the order they were made; each may lean on objects of the repository and of
   * earlier ones.
   */
  readonly packs: readonly AsyncIterable<Uint8Array>[];
  /** The shallow commits of the state that these packs lead to. */
  readonly shallow: readonly ObjectId[];
  readonly signal?: AbortSignal | undefined;
}

export interface PackRequest {
  readonly want: readonly ObjectId[];
  /** Left out, with all they reach; ids that the repository does not have are ignored. */
  readonly have: readonly ObjectId[];
  readonly signal?: AbortSignal | undefined;
}

export interface ObjectCount {
  /** An object that lies in two packs counts twice. */
  readonly objects: number;
  readonly packs: number;
  readonly sizeBytes: number;
}

export interface OpenOptions {
  readonly format?: ObjectFormat;
  /**
   * The repository whose objects count as this one's too: what was cloned need not be sent again.
   * Its objects must never be taken away while this one is in use.
   */
  readonly borrows?: string;
}

/** A repository's `key` is 1 to 128 of `a-z 0-9 _ -`, chosen by the forge and opaque here. */
export interface Git {
  /** `2.39.5`; GIT_MISSING where there is no git, or one too old. */
  version(): Promise<string>;
  /**
   * Creates the repository if it is absent and clears what a crash left; every other method needs
   * it.
   */
  open(key: string, options?: OpenOptions): Promise<void>;
  /** Deletes the repository; fine where there is none. */
  remove(key: string): Promise<void>;
  state(key: string): Promise<RepositoryState>;
  /**
   * Makes the refs exactly these, in one transaction. GIT_CLOSURE_INCOMPLETE (facts.missing) where
   * a target is not there, and then nothing moves. Only where a deleted ref blocks the name of a
   * new one (`a` and `a/b`) does the deletion go first.
   */
  setState(key: string, state: RepositoryState): Promise<void>;
  advertise(key: string, service: GitService, talk: Talk): AsyncIterable<Uint8Array>;
  uploadPack(key: string, body: AsyncIterable<Uint8Array>, talk: Talk): AsyncIterable<Uint8Array>;
  /** Ends after the refs are as `decide` accepted them. */
  receivePack(
    key: string,
    body: AsyncIterable<Uint8Array>,
    talk: Talk & { readonly decide: DecidePush },
  ): AsyncIterable<Uint8Array>;
  /**
   * Verifies packs beside the repository. GIT_OBJECTS_INVALID where git's strict checks refuse one,
   * GIT_CLOSURE_INCOMPLETE where an object of a pack names one that is nowhere; nothing is kept
   * then.
   */
  stage(key: string, options: StageOptions): Promise<Staged>;
  /** One thin pack of what `want` reaches and `have` does not; undefined where that is nothing. */
  packOf(key: string, request: PackRequest): Promise<AsyncIterable<Uint8Array> | undefined>;
  isAncestor(key: string, older: ObjectId, newer: ObjectId): Promise<boolean>;
  /**
   * Merges small packs; loses no object. For now and then: every push and every sync leaves a pack.
   */
  repack(key: string, signal?: AbortSignal): Promise<void>;
  /** Writes a bitmap over all packs: clones then need no walk over the whole history. */
  writeBitmap(key: string): Promise<void>;
  countObjects(key: string): Promise<ObjectCount>;
  /** What is wrong with the repository, one sentence of git's each; empty where it is sound. */
  fsck(key: string): Promise<readonly string[]>;
  /** Ends every conversation and the processes behind them. */
  close(): Promise<void>;
}
