// All namespaces as they count here: own ones first, then mirrors in the order in which they were
// added. Where two have the same addresses for different clusters, the first counts.
import {
  changedKeys,
  federatedId,
  splitFederatedId,
  type ClusterId,
  type Codec,
  type FederatedId,
  type LocalId,
  type Log,
} from '@hansa/foundation';
import type { Resource, ResourceLog } from '../resources/contract.ts';
import { patternsOverlap } from '../signals/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { namespaceKind, type NamespaceBook, type StatedNamespace } from './contract.ts';
import { definitionFrom, definitionKey, type Definition } from './keys.ts';

export interface BookNeeds {
  readonly codec: Codec;
  readonly log: Log;
  readonly signer: { readonly cluster: ClusterId };
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
}

export interface LivingBook extends NamespaceBook {
  /** Resolves when what stands in the store now is what the book says. */
  refresh(): Promise<void>;
  /** Called after a mirror was purged, which its own subscription does not tell. */
  purged(): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Found extends Definition {
  readonly resource: FederatedId;
  readonly role: StatedNamespace['role'];
}

export function createBook(needs: BookNeeds): LivingBook {
  const { resources, mirrors, log } = needs;
  const listeners = new Set<() => void>();
  const purges = new Set<() => void>();
  let stated: readonly StatedNamespace[] = [];
  let generation = 0;
  let reading: Promise<void> = Promise.resolve();
  const read = async (): Promise<void> => {
    const now = settled(await readAll(needs));
    if (JSON.stringify(now) !== JSON.stringify(stated)) {
      stated = now;
      generation += 1;
      listeners.forEach((listener) => listener());
    }
  };
  const book: LivingBook = {
    all: () => stated,
    get generation() {
      return generation;
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    refresh() {
      // One after the other: an earlier reading must not have the last word.
      const next = reading.then(read);
      reading = next.catch((error: unknown) => log.problem('namespaces.unread', error));
      return next;
    },
    purged: () => purges.forEach((told) => told()),
    async run(signal) {
      const changes = changedKeys<'changed'>((tell) => {
        const note = (kind: string): void => (kind === namespaceKind ? tell('changed') : undefined);
        const purged = (): void => tell('changed');
        purges.add(purged);
        const stops = [
          resources.subscribe((id) => note(kindOf(id))),
          mirrors.subscribe((resource) => note(splitFederatedId(resource).kind)),
          () => purges.delete(purged),
        ];
        return () => stops.forEach((stop) => stop());
      }, signal);
      await book.refresh();
      for await (const _change of changes) {
        await book.refresh();
      }
    },
  };
  return book;
}

function kindOf(id: LocalId): string {
  return id.slice(0, id.indexOf('/'));
}

async function readAll(needs: BookNeeds): Promise<readonly Found[]> {
  const { resources, mirrors, signer } = needs;
  const own = resources.all().filter(isNamespace);
  const copies = mirrors
    .all()
    .filter(isNamespace)
    .toSorted((a, b) => a.addedMs - b.addedMs || (a.resource < b.resource ? -1 : 1));
  const found = [
    ...own.map(({ id }) =>
      readOne(needs, federatedId(signer.cluster, id), () => resources.entry(id, definitionKey)),
    ),
    ...copies.map(({ resource }) =>
      readOne(needs, resource, async () => (await mirrors.view(resource))?.entry(definitionKey)),
    ),
  ];
  return (await Promise.all(found)).filter((one) => one !== undefined);
}

function isNamespace({ kind, name }: Pick<Resource, 'kind' | 'name'>): boolean {
  return kind === namespaceKind && !name.startsWith('@');
}

/** Undefined where nothing was written, or has arrived. */
async function readOne(
  { codec, signer }: BookNeeds,
  resource: FederatedId,
  read: () => Promise<{ readonly value: Uint8Array } | undefined>,
): Promise<Found | undefined> {
  const entry = await read();
  if (entry === undefined) {
    return undefined;
  }
  const role = splitFederatedId(resource).owner === signer.cluster ? 'own' : 'mirror';
  return { resource, role, ...definitionFrom(codec, entry.value) };
}

function settled(found: readonly Found[]): readonly StatedNamespace[] {
  const stated: StatedNamespace[] = [];
  for (const { resource, role, patterns, cluster = splitFederatedId(resource).owner } of found) {
    const isOutdone = (pattern: string): boolean =>
      conflictOf(stated, cluster, [pattern]) !== undefined;
    stated.push({
      resource,
      role,
      cluster,
      patterns: patterns.filter((pattern) => !isOutdone(pattern)),
      outdone: patterns.filter(isOutdone),
    });
  }
  return stated;
}

/** A namespace that has one of the patterns for another cluster. */
export function conflictOf(
  stated: readonly StatedNamespace[],
  cluster: ClusterId,
  patterns: readonly string[],
): StatedNamespace | undefined {
  return stated.find(
    (one) =>
      one.cluster !== cluster &&
      one.patterns.some((theirs) => patterns.some((pattern) => patternsOverlap(pattern, theirs))),
  );
}
