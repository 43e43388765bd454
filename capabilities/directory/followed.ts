// Every directory that is here, own and mirrored, held in memory: what decisions are made on at
// every request. It follows the store; what any node can rebuild at any moment.
import {
  createKeyedMutex,
  federatedId,
  splitFederatedId,
  splitLocalId,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { SequencedChange } from '../resources/contract.ts';
import { directoryKind } from './contract.ts';
import { createCounting, type Counting, type CountingNeeds } from './counting.ts';
import {
  readBrought,
  readMirror,
  readOwn,
  type HeldDirectory,
  type ReadingNeeds,
} from './reading.ts';

export interface FollowedNeeds extends ReadingNeeds, CountingNeeds {
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly peers: Pick<Peers, 'standing' | 'resolve' | 'subscribe'>;
}

export interface Followed {
  /** Own directories in the order of their names. */
  own(): readonly HeldDirectory[];
  /** Mirrors of that home that count, in the order of their names. */
  of(home: ClusterId): readonly HeldDirectory[];
  /** Clusters other than this one whose directories count here. */
  homes(): readonly ClusterId[];
  find(resource: FederatedId): HeldDirectory | undefined;
  /** Whether those in a mirror may be let in. */
  counts(resource: FederatedId): boolean;
  readonly generation: number;
  subscribe(changed: () => void): () => void;
  /** Resolves once what is stored now is shown; `anew` where even what seems the same is read. */
  refresh(resource: FederatedId, anew?: boolean): Promise<void>;
  /** Told before a batch of a mirror is applied: then its changes alone are read. */
  stage(resource: FederatedId, changes: readonly SequencedChange[]): void;
  unstage(resource: FederatedId): void;
  start(): Promise<void>;
  stop(): void;
}

export function createFollowed(needs: FollowedNeeds): Followed {
  return new FollowedDirectories(needs);
}

class FollowedDirectories implements Followed {
  readonly #needs: FollowedNeeds;
  readonly #counting: Counting;
  readonly #held = new Map<FederatedId, HeldDirectory>();
  readonly #counted = new Map<FederatedId, boolean>();
  readonly #staged = new Map<FederatedId, readonly SequencedChange[]>();
  readonly #listeners = new Set<() => void>();
  readonly #turns = createKeyedMutex<FederatedId>();
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #ending = new AbortController();
  #stops: readonly (() => void)[] = [];
  #generation = 0;

  constructor(needs: FollowedNeeds) {
    this.#needs = needs;
    this.#counting = createCounting(needs);
  }

  get generation(): number {
    return this.#generation;
  }

  own(): readonly HeldDirectory[] {
    return this.of(this.#needs.signer.cluster);
  }

  of(home: ClusterId): readonly HeldDirectory[] {
    return [...this.#held.values()]
      .filter(({ owner, resource }) => owner === home && this.counts(resource))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  homes(): readonly ClusterId[] {
    const counting = [...this.#held.values()].filter(({ resource }) => this.counts(resource));
    const homes = new Set(counting.map(({ owner }) => owner));
    homes.delete(this.#needs.signer.cluster);
    return [...homes].toSorted();
  }

  find(resource: FederatedId): HeldDirectory | undefined {
    return this.#held.get(resource);
  }

  counts(resource: FederatedId): boolean {
    return this.#counted.get(resource) === true;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  // Whoever comes while a reading waits for its turn shares it.
  refresh(resource: FederatedId, anew = false): Promise<void> {
    const key = `${resource} ${String(anew)}`;
    const other = this.#waiting.get(key);
    if (other !== undefined) {
      return other;
    }
    const next = this.#turns.run(resource, () => {
      this.#waiting.delete(key);
      return this.#load(resource, anew);
    });
    this.#waiting.set(key, next);
    return next;
  }

  stage(resource: FederatedId, changes: readonly SequencedChange[]): void {
    this.#staged.set(resource, changes);
  }

  unstage(resource: FederatedId): void {
    this.#staged.delete(resource);
  }

  async start(): Promise<void> {
    const { resources, mirrors, peers, signer } = this.#needs;
    await this.#counting.start(this.#ending.signal);
    this.#stops = [
      resources.subscribe((id) => {
        if (isDirectory(splitLocalId(id))) {
          this.#follow(federatedId(signer.cluster, id));
        }
      }),
      mirrors.subscribe((resource) => {
        if (isDirectory(splitFederatedId(resource))) {
          void this.#counting.note(resource);
          this.#follow(resource);
        }
      }),
      peers.subscribe((cluster) => {
        const theirs = [...this.#held.values()].filter(({ owner }) => owner === cluster);
        theirs.forEach(({ resource }) => this.#judge(resource));
      }),
      this.#counting.subscribe((resource) => this.#judge(resource)),
    ];
    const own = resources.all().filter(isDirectory);
    await Promise.all(own.map(({ id }) => this.refresh(federatedId(signer.cluster, id))));
  }

  stop(): void {
    this.#ending.abort();
    this.#stops.forEach((stop) => stop());
  }

  #follow(resource: FederatedId): void {
    this.#judge(resource);
    this.refresh(resource).catch((error: unknown) =>
      this.#needs.log.problem('directory.unread', error, { resource }),
    );
  }

  async #load(resource: FederatedId, anew: boolean): Promise<void> {
    const held = this.#held.get(resource);
    const before = anew ? undefined : held;
    const read = this.#isOwn(resource)
      ? await readOwn(this.#needs, resource, before)
      : (this.#brought(held) ?? (await readMirror(this.#needs, resource, before)));
    if (read === undefined) {
      this.#forget(resource);
    } else if (read === held) {
      this.#judge(resource);
    } else {
      this.#held.set(resource, read);
      this.#counted.set(resource, this.#mayCount(resource));
      this.#tell();
    }
  }

  #brought(held: HeldDirectory | undefined): HeldDirectory | undefined {
    const changes = held && this.#staged.get(held.resource);
    return held && changes && readBrought(this.#needs, held, changes);
  }

  #forget(resource: FederatedId): void {
    this.#counted.delete(resource);
    if (this.#held.delete(resource)) {
      this.#tell();
    }
  }

  /** Whether it has begun to count, or counts no more. */
  #judge(resource: FederatedId): void {
    const now = this.#mayCount(resource);
    if (this.#held.has(resource) && this.#counted.get(resource) !== now) {
      this.#counted.set(resource, now);
      this.#tell();
    }
  }

  #mayCount(resource: FederatedId): boolean {
    return this.#isOwn(resource) || this.#counting.counts(resource);
  }

  #isOwn(resource: FederatedId): boolean {
    return splitFederatedId(resource).owner === this.#needs.signer.cluster;
  }

  #tell(): void {
    this.#generation += 1;
    this.#listeners.forEach((listener) => listener());
  }
}

/** A lane's name begins with "@", which no person can give: directories have none. */
function isDirectory({ kind, name }: { readonly kind: string; readonly name: string }): boolean {
  return kind === directoryKind && !name.startsWith('@');
}
