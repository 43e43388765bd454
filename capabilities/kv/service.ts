// Spaces of keys and values as people and programs see them.
import {
  federatedId,
  HansaError,
  type FederatedId,
  type KeyValueStore,
  type LocalId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { LaneKind } from '../lanes/contract.ts';
import type { FederatedKind } from '../sync/contract.ts';
import {
  kvKind,
  spacesMax,
  sweepIntervalMs,
  tombstoneMs,
  type Kv,
  type KvBatches,
  type KvLeases,
  type KvOp,
} from './contract.ts';
import { createEnding, type Ending } from './ending.ts';
import { createFeed } from './feed.ts';
import {
  describeSpace,
  ownSpace,
  ownSpaces,
  resolveSpace,
  sourceOf,
  transactableSpace,
  writableSpace,
} from './finding.ts';
import { defaultSettings, settingsKey } from './keys.ts';
import { leaseTables } from './lease-keys.ts';
import { createLeasing, type Attaching, type Leasing } from './leasing.ts';
import { createKvKind } from './mirrored.ts';
import { createKvLanes } from './promoting.ts';
import { readEntries, readEntry, readPage } from './reading.ts';
import { batchWork, dropWork, setWork } from './swapping.ts';
import { deleteWork, putWork, transactWork } from './transacting.ts';
import { watchSpace, type WatchingNeeds } from './watching.ts';
import { createWriting, type Work, type Writing, type WritingNeeds } from './writing.ts';

export interface KvNeeds extends WritingNeeds {
  /** For leases alone; spaces lie in the log of resources. */
  readonly store: KeyValueStore;
  readonly random: Random;
  readonly log: Log;
}

interface Parts extends KvNeeds, WatchingNeeds {
  readonly writing: Writing;
  readonly leasing: Leasing;
  readonly ending: Ending;
}

export interface KvService {
  readonly kv: Kv;
  readonly kind: FederatedKind;
  readonly laneKind: LaneKind;
  /** Forgets deletions that are old enough, for as long as the signal lets it. */
  keepSweeping(signal: AbortSignal): Promise<void>;
  /** Ends leases that have ended, with what stands under them, as long as the signal lets it. */
  keepEnding(signal: AbortSignal): Promise<void>;
}

export function createKv(needs: KvNeeds): KvService {
  const feed = createFeed();
  const writing = createWriting(needs);
  const tables = leaseTables(needs.store, needs.codec);
  const leasing = createLeasing({ ...needs, tables });
  const ending = createEnding({ ...needs, tables, leasing, writing });
  const parts: Parts = { ...needs, feed, writing, leasing, ending };
  return {
    keepEnding: (signal) => ending.keepEnding(signal),
    kind: createKvKind({ ...needs, feed }),
    laneKind: createKvLanes({ ...needs, writing }),
    kv: {
      ...managing(parts),
      ...readingOf(parts),
      ...writingOf(parts),
      ...batchesOf(parts),
      ...leasesOf(parts),
    },
    async keepSweeping(signal) {
      while (!signal.aborted) {
        await needs.clock.sleep(sweepIntervalMs, signal);
        await sweepAll(parts);
      }
    },
  };
}

async function sweepAll({ clock, writing, log, ...needs }: Parts): Promise<void> {
  for (const { id, kind } of needs.resources.all()) {
    if (kind === kvKind) {
      await writing
        .sweep(id, clock.now() - tombstoneMs)
        .catch((error: unknown) => log.problem('kv.unswept', error, { resource: id }));
    }
  }
}

function managing(parts: Parts): Pick<Kv, 'create' | 'spaces' | 'show' | 'remove'> {
  const { resources, mirrors, signer, codec, writing, ending } = parts;
  return {
    async create({ rule, shared, ...given }) {
      if (ownSpaces(parts).length >= spacesMax) {
        throw new HansaError('STORE_LIMIT', `there are ${spacesMax} spaces, the most there may be`);
      }
      const { id } = await resources.create({ ...given, kind: kvKind });
      const settings = {
        rule: rule ?? defaultSettings.rule,
        shared: shared ?? defaultSettings.shared,
      };
      const op = { put: { key: settingsKey, value: codec.encode(settings), blobs: [] } };
      await resources.append(id, [op], { author: signer.name });
      return describeSpace(parts, federatedId(signer.cluster, id));
    },
    async spaces() {
      const copies = mirrors
        .all()
        .filter(({ kind, name }) => kind === kvKind && !name.startsWith('@'));
      const all: readonly FederatedId[] = [
        ...ownSpaces(parts),
        ...copies.map(({ resource }) => resource),
      ];
      return { spaces: await Promise.all(all.map((each) => describeSpace(parts, each))) };
    },
    show: async ({ space }) => describeSpace(parts, resolveSpace(parts, space)),
    async remove({ space }) {
      const id = ownSpace(parts, space);
      const described = await describeSpace(parts, federatedId(signer.cluster, id));
      await resources.remove(id);
      writing.forget(id);
      await ending.forget(id);
      return described;
    },
  };
}

function readingOf(parts: Parts): Pick<Kv, 'get' | 'list' | 'watch'> {
  const { codec } = parts;
  return {
    async get({ space, key }) {
      const source = await sourceOf(parts, resolveSpace(parts, space));
      const entry = await readEntry(codec, source, key);
      if (entry === undefined) {
        throw new HansaError('ENTRY_NOT_FOUND', `there is no "${key}" in ${space}`);
      }
      return { ...entry, revision: source.revision };
    },
    list: async ({ space, ...asked }) => readPage(parts, resolveSpace(parts, space), asked),
    watch: (asked, call) => watchSpace(parts, { ...asked, signal: call?.signal }),
  };
}

function writingOf(parts: Parts): Pick<Kv, 'put' | 'delete' | 'transact'> {
  const { writing } = parts;
  return {
    async put({ space, ...input }, call) {
      const id = await spaceFor(parts, { space, ...input }, call?.signal);
      return runUnder(parts, { id, attaching: attachingOf([{ put: input }]) }, putWork(input));
    },
    delete: async ({ space, ...input }, call) =>
      writing.run(await writableSpace(parts, space, call?.signal), deleteWork(input)),
    async transact({ space, ...input }) {
      const id = await transactableSpace(parts, space);
      const attaching = attachingOf([...input.then, ...(input.else ?? [])]);
      return runUnder(parts, { id, attaching }, transactWork(input));
    },
  };
}

function batchesOf(parts: Parts): KvBatches {
  const { codec, writing } = parts;
  return {
    async compareAndSet({ space, ...input }, call) {
      const id = await spaceFor(parts, { space, ...input }, call?.signal);
      return runUnder(parts, { id, attaching: attachingOf([{ put: input }]) }, setWork(input));
    },
    compareAndDelete: async ({ space, ...input }, call) =>
      writing.run(await writableSpace(parts, space, call?.signal), dropWork(input)),
    batchRead: async ({ space, keys }) =>
      readEntries(codec, await sourceOf(parts, resolveSpace(parts, space)), keys),
    async batchWrite({ space, ...input }) {
      const id = await transactableSpace(parts, space);
      return runUnder(parts, { id, attaching: attachingOf(input.ops) }, batchWork(input));
    },
  };
}

function leasesOf(parts: Parts): KvLeases {
  const { leasing, ending } = parts;
  return {
    grantLease: async ({ space, ttlSeconds }) => leasing.grant(ownSpace(parts, space), ttlSeconds),
    keepLease: async ({ space, lease }) => leasing.keep(ownSpace(parts, space), lease),
    revokeLease: async ({ space, lease }) => ({
      lease,
      deleted: await ending.revoke(ownSpace(parts, space), lease),
    }),
    showLease: async ({ space, lease }) => leasing.show(ownSpace(parts, space), lease),
    leases: async ({ space }) => ({ leases: await leasing.living(ownSpace(parts, space)) }),
  };
}

/** What is under a lease is its owner's alone: a lane has none. */
async function spaceFor(
  parts: Parts,
  { space, lease }: { readonly space: string; readonly lease?: string | undefined },
  signal: AbortSignal | undefined,
): Promise<LocalId> {
  return lease === undefined ? writableSpace(parts, space, signal) : ownSpace(parts, space);
}

/** By lease, the keys that may be written under it. */
function attachingOf(ops: readonly KvOp[]): Attaching {
  const attaching = new Map<string, string[]>();
  for (const op of ops) {
    if ('put' in op && op.put.lease !== undefined) {
      const keys = attaching.get(op.put.lease) ?? [];
      attaching.set(op.put.lease, keys.includes(op.put.key) ? keys : [...keys, op.put.key]);
    }
  }
  return attaching;
}

async function runUnder<T>(
  { writing, leasing }: Parts,
  { id, attaching }: { readonly id: LocalId; readonly attaching: Attaching },
  work: Work<T>,
): Promise<T> {
  if (attaching.size === 0) {
    return writing.run(id, work);
  }
  const living: Work<T> = {
    ...work,
    decide(standing, settings) {
      leasing.requireLiving(id, attaching.keys());
      return work.decide(standing, settings);
    },
  };
  return leasing.writing(id, attaching, () => writing.run(id, living));
}
