// Spaces of keys and values as people and programs see them.
import { federatedId, HansaError, type FederatedId } from '@hansa/foundation';
import type { Log } from '@hansa/foundation';
import type { LaneKind } from '../lanes/contract.ts';
import type { FederatedKind } from '../sync/contract.ts';
import { kvKind, spacesMax, sweepIntervalMs, tombstoneMs, type Kv } from './contract.ts';
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
import { createKvKind } from './mirrored.ts';
import { createKvLanes } from './promoting.ts';
import { readEntry, readPage } from './reading.ts';
import { deleteWork, putWork, transactWork } from './transacting.ts';
import { watchSpace, type WatchingNeeds } from './watching.ts';
import { createWriting, type Writing, type WritingNeeds } from './writing.ts';

export interface KvNeeds extends WritingNeeds {
  readonly log: Log;
}

interface Parts extends KvNeeds, WatchingNeeds {
  readonly writing: Writing;
}

export interface KvService {
  readonly kv: Kv;
  readonly kind: FederatedKind;
  readonly laneKind: LaneKind;
  /** Forgets deletions that are old enough, for as long as the signal lets it. */
  keepSweeping(signal: AbortSignal): Promise<void>;
}

export function createKv(needs: KvNeeds): KvService {
  const feed = createFeed();
  const writing = createWriting(needs);
  const parts: Parts = { ...needs, feed, writing };
  return {
    kind: createKvKind({ ...needs, feed }),
    laneKind: createKvLanes({ ...needs, writing }),
    kv: { ...managing(parts), ...readingOf(parts), ...writingOf(parts) },
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
  const { resources, mirrors, signer, codec, writing } = parts;
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
    list: async ({ space, ...asked }) =>
      readPage(codec, await sourceOf(parts, resolveSpace(parts, space)), asked),
    watch: (asked, call) => watchSpace(parts, { ...asked, signal: call?.signal }),
  };
}

function writingOf(parts: Parts): Pick<Kv, 'put' | 'delete' | 'transact'> {
  const { writing } = parts;
  return {
    put: async ({ space, ...input }, call) =>
      writing.run(await writableSpace(parts, space, call?.signal), putWork(input)),
    delete: async ({ space, ...input }, call) =>
      writing.run(await writableSpace(parts, space, call?.signal), deleteWork(input)),
    transact: async ({ space, ...input }) =>
      writing.run(await transactableSpace(parts, space), transactWork(input)),
  };
}
