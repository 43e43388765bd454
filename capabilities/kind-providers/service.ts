// Kinds that programs serve, as people and those programs see them.
import {
  federatedId,
  federatedIdSchema,
  HansaError,
  localId,
  manifestId,
  readBytes,
  splitFederatedId,
  utf8,
  type BlobId,
  type Blobs,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { BlobReference, ChangeOp, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import {
  kindsMax,
  opsMax,
  reservedKinds,
  valueBytesMax,
  type GivenOp,
  type KindResource,
  type Kinds,
} from './contract.ts';
import type { KindEntry } from './work.ts';
import type { StoredKind } from './keys.ts';
import { createExternalKind } from './mirroring.ts';
import { createKnownKinds, type KnownKinds, type KnownKindsNeeds } from './known-kinds.ts';
import { serveWork, type ServingNeeds } from './serving.ts';
import { checkOps, pageOfChanges, shownEntry } from './shown.ts';

export interface KindsNeeds extends KnownKindsNeeds, Pick<ServingNeeds, 'crypto' | 'mirrors'> {
  readonly blobs: Blobs;
  readonly signer: Signer;
  readonly resources: ResourceLog;
}

interface Parts extends KindsNeeds, ServingNeeds {
  readonly store: KeyValueStore;
}

export interface KindsService {
  readonly kinds: Kinds;
  readonly known: KnownKinds;
  /** Registers with sync what is registered here: before sync settles its mirrors. */
  start(signal: AbortSignal): Promise<void>;
}

export function createKinds(needs: KindsNeeds): KindsService {
  const known = createKnownKinds(needs);
  const parts: Parts = { ...needs, known, staged: new Map() };
  return {
    known,
    kinds: { ...registering(parts), ...owning(parts), ...working(parts) },
    async start(signal) {
      const attach = (): void => attachAll(parts);
      known.kinds.subscribe(attach);
      await known.kinds.start(signal, needs.clock);
      attach();
    },
  };
}

function attachAll(parts: Parts): void {
  const { known, mirrors } = parts;
  for (const { value } of known.kinds.rows.values()) {
    if (!known.hosts.has(value.kind)) {
      mirrors.registerKind(createExternalKind(parts, value.kind));
    }
  }
}

function registering(parts: Parts): Pick<Kinds, 'register' | 'list' | 'show' | 'remove'> {
  const { known, store, clock } = parts;
  const { kinds, tables } = known;
  return {
    async register(given) {
      const { kind } = given;
      const before = await tables.kinds.get(kind);
      requireNameable(parts, kind, before === undefined);
      const stored = storedKind(given, before?.value, clock.now());
      const { succeeded, revision } = await store.transact({
        if: [
          {
            key: tables.kinds.key(kind),
            target: 'modRevision',
            op: '=',
            operand: before?.modRevision ?? 0,
          },
        ],
        then: [tables.kinds.put([kind], stored)],
      });
      if (!succeeded) {
        throw new HansaError('CONFLICT', `"${kind}" was registered at the same time`, {
          fix: 'register it again',
        });
      }
      await kinds.reached(revision);
      attachAll(parts);
      return known.shown(stored);
    },
    async list() {
      const all = [...kinds.rows.values()].map(({ value }) => known.shown(value));
      return { kinds: all.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)) };
    },
    show: async ({ kind }) => known.shown(known.require(kind)),
    async remove({ kind }) {
      const stored = known.require(kind);
      const used = resourcesOf(parts, kind).length;
      if (used > 0) {
        throw new HansaError('KIND_IN_USE', `there are ${used} resources or mirrors of "${kind}"`, {
          fix: `delete them first: hansa kind show ${kind}`,
        });
      }
      known.session(kind)?.end(new HansaError('KIND_UNKNOWN', `"${kind}" was removed`));
      const { revision } = await store.batchWrite([
        tables.kinds.delete([kind]),
        { delete: { prefix: tables.owed.prefix(kind) } },
      ]);
      await kinds.reached(revision);
      known.hosts.get(kind)?.unregister();
      known.hosts.delete(kind);
      return known.shown(stored);
    },
  };
}

function requireNameable({ known }: Parts, kind: string, isNew: boolean): void {
  if (reservedKinds.includes(kind)) {
    throw new HansaError('KIND_RESERVED', `"${kind}" is a kind that Hansa keeps for itself`);
  }
  if (isNew && known.kinds.rows.size >= kindsMax) {
    throw new HansaError('STORE_LIMIT', `there are ${kindsMax} kinds, the most there may be`);
  }
}

/** As it is said now; what happened to it before stays. */
function storedKind(
  given: Parameters<Kinds['register']>[0],
  before: StoredKind | undefined,
  nowMs: number,
): StoredKind {
  const { kind, description = '', schema, limits = {} } = given;
  return {
    kind,
    description,
    ...(schema === undefined ? {} : { schema }),
    limits: {
      valueBytesMax: limits.valueBytesMax ?? valueBytesMax,
      opsMax: limits.opsMax ?? opsMax,
    },
    createdMs: before?.createdMs ?? nowMs,
    ...(before?.servedMs === undefined ? {} : { servedMs: before.servedMs }),
  };
}

function resourcesOf({ resources, mirrors, signer }: Parts, kind: string): FederatedId[] {
  const own = resources.all().filter((each) => each.kind === kind);
  const copies = mirrors.all().filter((each) => each.kind === kind);
  return [
    ...own.map(({ id }) => federatedId(signer.cluster, id)),
    ...copies.map(({ resource }) => resource),
  ];
}

async function described(parts: Parts, resource: FederatedId): Promise<KindResource> {
  const { resources, mirrors, signer } = parts;
  const { owner, local, name } = splitFederatedId(resource);
  if (owner === signer.cluster) {
    const position = resources.point(local);
    const { epoch = 0, sequence = 0 } = position ?? {};
    return { resource, name, role: 'own', ownerName: signer.name, epoch, sequence };
  }
  const mirror = mirrors.find(resource);
  const { epoch = 0, sequence = 0 } = mirror?.applied ?? {};
  const ownerName = mirror?.ownerName ?? owner.slice(0, 8);
  return { resource, name, role: 'mirror', ownerName, epoch, sequence };
}

function owning(
  parts: Parts,
): Pick<Kinds, 'resources' | 'create' | 'delete' | 'append' | 'entries'> {
  const { known, resources, signer, blobs } = parts;
  return {
    async resources({ kind }) {
      known.require(kind);
      const all = resourcesOf(parts, kind).map((each) => described(parts, each));
      return { resources: await Promise.all(all) };
    },
    async create({ kind, ...resource }) {
      known.require(kind);
      const { id } = await resources.create({ kind, ...resource });
      return described(parts, federatedId(signer.cluster, id));
    },
    async delete({ kind, name }) {
      known.require(kind);
      const id = localId(kind, name);
      const gone = await described(parts, federatedId(signer.cluster, id));
      await resources.remove(id);
      return gone;
    },
    async append({ kind, name, ops, expect }) {
      const { limits } = known.require(kind);
      const named = ops.flatMap((op) => ('put' in op ? (op.put.blobs ?? []) : []));
      // Until the change names them, nothing else keeps what was uploaded for it.
      const holds = named.map((blob) => blobs.protect(blob));
      try {
        const read = await Promise.all(ops.map((op) => readOp(parts, op)));
        checkOps(read, limits);
        const options = { author: signer.name, expect };
        const { epoch, sequence } = await resources.append(localId(kind, name), read, options);
        return { epoch, sequence };
      } finally {
        holds.forEach((hold) => hold.release());
      }
    },
    entries: ({ kind, resource, work }) => entriesOf(parts, { kind, resource, work }),
  };
}

async function readOp(parts: Parts, op: GivenOp): Promise<ChangeOp> {
  if ('delete' in op) {
    return { delete: { key: utf8(op.delete.key) } };
  }
  const { key, value, encoding = 'text', blobs = [] } = op.put;
  return {
    put: {
      key: utf8(key),
      value: readBytes({ text: value, encoding }, 'the value'),
      blobs: await Promise.all(blobs.map((blob) => referenceTo(parts, blob))),
    },
  };
}

async function referenceTo({ blobs, crypto }: Parts, id: BlobId): Promise<BlobReference> {
  const info = await blobs.info(id);
  if (info === undefined) {
    throw new HansaError('BLOB_NOT_FOUND', `there is no blob ${id} here`, {
      fix: 'upload it first: POST /kinds/<kind>/blobs',
    });
  }
  return { ...info, manifest: manifestId(crypto, info, await blobs.chunks(id)) };
}

interface Wanted {
  readonly kind: string;
  readonly resource: string;
  readonly work: string | undefined;
}

async function* entriesOf(parts: Parts, wanted: Wanted): AsyncIterable<KindEntry> {
  for await (const entry of await storedEntries(parts, wanted)) {
    yield shownEntry(entry);
  }
}

async function storedEntries(
  parts: Parts,
  { kind, resource, work }: Wanted,
): Promise<AsyncIterable<ResourceEntry>> {
  const { known, resources, mirrors, signer } = parts;
  known.require(kind);
  if (work !== undefined) {
    return stagedWork(parts, kind, work).before.entries();
  }
  const whole = federatedIdSchema.safeParse(resource);
  const own = whole.success && splitFederatedId(whole.data).owner === signer.cluster;
  if (own || !resource.includes(':')) {
    const name = own ? splitFederatedId(whole.data).name : resource;
    const id = localId(kind, name);
    if (resources.find(id) === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
    }
    return resources.entries(id);
  }
  const colon = resource.indexOf(':');
  const rest = resource.slice(colon + 1).replace(`${kind}/`, '');
  const view = await mirrors.view(mirrors.resolve(`${resource.slice(0, colon)}:${kind}/${rest}`));
  return view?.entries() ?? nothing();
}

/** Of a mirror of which nothing has arrived. */
async function* nothing(): AsyncIterable<never> {}

function stagedWork({ known, staged }: Parts, kind: string, work: string) {
  known.requireSession(kind).requireAsked(work);
  const found = staged.get(work);
  if (found === undefined) {
    throw new HansaError('WORK_OVER', 'this work is no batch that waits for an answer');
  }
  return found;
}

function working(parts: Parts): Pick<Kinds, 'work' | 'changes' | 'answer'> {
  const { known } = parts;
  return {
    work: ({ kind, provider, takeover = false }, call) =>
      serveWork(parts, { kind, provider, takeover, signal: call?.signal }),
    async changes({ kind, work, from }) {
      known.require(kind);
      return pageOfChanges(stagedWork(parts, kind, work).changes, from);
    },
    async answer({ kind, work, lease, accept, reason }) {
      known.require(kind);
      const session = known.session(kind);
      if (session === undefined) {
        throw new HansaError('WORK_OVER', 'the session that this answer belongs to is over');
      }
      session.answer(work, lease, { accept, reason });
      return { work };
    },
  };
}
