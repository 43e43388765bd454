// Writing own documents: each write decides on what it finds, and again where somebody was faster.
import {
  createHybridClock,
  createKeyedMutex,
  federatedId,
  HansaError,
  isHansaError,
  splitFederatedId,
  splitLocalId,
  type Clock,
  type ClusterId,
  type LocalId,
} from '@hansa/foundation';
import { encodeCell, nextCell, type Cell, type JsonValue } from '../kv/contract.ts';
import type { ChangeOp, Point, ResourceEntry } from '../resources/contract.ts';
import { documentKind, documentsMax, type ShownDocument } from './contract.ts';
import { findDocument, notFound, type FindingNeeds } from './finding.ts';
import { documentFrom, settingsFrom, settingsKey, spellDocument, valueKey } from './keys.ts';
import { entryTogether, mirroredTarget } from './lanes.ts';

const attemptsMax = 16; // every lost one is another node's success

export interface WritingNeeds extends FindingNeeds {
  readonly clock: Clock;
}

export interface MakingWords {
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly shared?: boolean | undefined;
}

export interface Writing {
  /** Makes the document where it is not there, if `made` says how. */
  write(
    id: LocalId,
    work: {
      readonly ifVersion: number | undefined;
      readonly made: MakingWords | undefined;
      change(before: JsonValue | undefined): JsonValue;
    },
  ): Promise<ShownDocument>;
  remove(id: LocalId, ifVersion: number | undefined): Promise<ShownDocument>;
}

type Work = Parameters<Writing['write']>[1];

interface Parts extends WritingNeeds {
  readonly hybrid: ReturnType<typeof createHybridClock>;
}

export function createWriting(needs: WritingNeeds): Writing {
  const parts: Parts = { ...needs, hybrid: createHybridClock(needs.clock) };
  const turns = createKeyedMutex<LocalId>();
  return {
    write: (id, work) => turns.run(id, () => retried(() => writeOnce(parts, id, work), work)),
    remove: (id, ifVersion) => turns.run(id, () => removeOnce(parts, id, ifVersion)),
  };
}

class Overtaken extends Error {}

async function retried<T>(once: () => Promise<T>, { ifVersion }: Work): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof Overtaken) || attempt >= attemptsMax) {
        throw error instanceof Overtaken
          ? new HansaError('CONFLICT', 'the document is written too often', {
              cause: error,
              facts: { attempts: attempt, conditional: ifVersion !== undefined },
            })
          : error;
      }
    }
  }
}

interface Before {
  /** Undefined where there is no such resource. */
  readonly point: Point | undefined;
  /** 0 where it was never written. */
  readonly version: number;
  readonly cell: Cell | undefined;
  readonly value: JsonValue | undefined;
  /** Said when it was made. */
  readonly type: string | undefined;
  readonly settled: boolean;
  readonly shared: boolean;
}

const nothing: Before = {
  point: undefined,
  version: 0,
  cell: undefined,
  value: undefined,
  type: undefined,
  settled: false,
  shared: false,
};

async function writeOnce(parts: Parts, id: LocalId, work: Work): Promise<ShownDocument> {
  const { codec, signer, hybrid } = parts;
  const before = await readBefore(parts, id);
  requireVersion(id, before.version, work.ifVersion);
  if (before.value === undefined && work.made === undefined) {
    throw notFound(splitLocalId(id).name);
  }
  const value = work.change(before.value);
  const spelled = spellDocument(value);
  const type = typeOf(id, before, work.made);
  const point = before.point ?? (await make(parts, id, { ...work.made, type }));
  const write = { value: spelled, by: signer.cluster, now: hybrid.tick() };
  const next = nextCell(before.cell, write);
  const shared = before.settled ? before.shared : (work.made?.shared ?? false);
  const sharing = shared ? { shared } : {};
  await append(parts, id, {
    expect: point.sequence,
    ops: [
      put(valueKey, encodeCell(codec, next, signer.cluster)),
      ...(before.settled ? [] : [put(settingsKey, codec.encode({ type, ...sharing }))]),
    ],
  });
  return {
    resource: federatedId(signer.cluster, id),
    name: splitLocalId(id).name,
    role: 'own',
    ownerName: signer.name,
    type,
    version: before.version + 1,
    sizeBytes: spelled.length,
    writtenMs: next.at[0],
    epoch: point.epoch,
    shared,
    value,
  };
}

async function append(
  { resources, signer }: Parts,
  id: LocalId,
  { ops, expect }: { readonly ops: readonly ChangeOp[]; readonly expect: number },
): Promise<void> {
  try {
    await resources.append(id, ops, { author: signer.name, expect });
  } catch (error) {
    throw isHansaError(error, 'CONFLICT') ? new Overtaken('somebody was faster') : error;
  }
}

/** One that was made and never written has no value. */
async function readBefore(parts: Parts, id: LocalId): Promise<Before> {
  const point = parts.resources.point(id);
  if (point === undefined) {
    return nothing;
  }
  const { entry, settings, owner } = await readStored(parts, id);
  const stored = entry === undefined ? undefined : documentFrom(parts.codec, entry.value, owner);
  const settled = settings === undefined ? undefined : settingsFrom(parts.codec, settings.value);
  return {
    point,
    version: entry?.version ?? 0,
    cell: stored?.cell,
    value: stored?.value,
    type: settled?.type ?? parts.resources.find(id)?.type,
    settled: settled !== undefined,
    shared: settled?.shared === true,
  };
}

interface StoredEntries {
  readonly entry: ResourceEntry | undefined;
  readonly settings: ResourceEntry | undefined;
  /** Whose cell the entry is. */
  readonly owner: ClusterId;
}

/** Of a lane, its writer has seen what stands at the owner. */
async function readStored(parts: Parts, id: LocalId): Promise<StoredEntries> {
  const { resources, signer } = parts;
  const target = await mirroredTarget(parts, id);
  if (target === undefined) {
    const [entry, settings] = await Promise.all(
      [valueKey, settingsKey].map((key) => resources.entry(id, key)),
    );
    return { entry, settings, owner: signer.cluster };
  }
  return {
    entry: await entryTogether(parts, target),
    settings: await target.entry(settingsKey),
    owner: splitFederatedId(target.resource).owner,
  };
}

function requireVersion(id: LocalId, version: number, expected: number | undefined): void {
  if (expected !== undefined && version !== expected) {
    const [is, was] = [version, expected].map((each) =>
      each === 0 ? 'absent' : `at version ${each}`,
    );
    throw new HansaError('CONFLICT', `${splitLocalId(id).name} is ${is}, not ${was}`, {
      fix: 'read it again, and decide anew',
      facts: { version },
    });
  }
}

function typeOf(id: LocalId, { type }: Before, made: MakingWords | undefined): string {
  if (type !== undefined && made?.type !== undefined && type !== made.type) {
    throw new HansaError(
      'INPUT_INVALID',
      `${splitLocalId(id).name} is of type ${type}, and stays`,
      {
        fix: 'delete it, and make it anew',
      },
    );
  }
  return type ?? made?.type ?? documentKind;
}

async function make({ resources }: Parts, id: LocalId, words: MakingWords): Promise<Point> {
  const own = resources.all().filter(({ kind }) => kind === documentKind).length;
  if (own >= documentsMax) {
    throw new HansaError(
      'STORE_LIMIT',
      `there are ${documentsMax} documents, the most there may be`,
    );
  }
  const { kind, name } = splitLocalId(id);
  try {
    await resources.create({ ...words, kind, name });
  } catch (error) {
    throw isHansaError(error, 'RESOURCE_EXISTS') ? new Overtaken('made at once') : error;
  }
  const point = resources.point(id);
  if (point === undefined) {
    throw new Overtaken('deleted at once');
  }
  return point;
}

function put(key: Uint8Array, value: Uint8Array): ChangeOp {
  return { put: { key, value, blobs: [] } };
}

async function removeOnce(
  parts: Parts,
  id: LocalId,
  ifVersion: number | undefined,
): Promise<ShownDocument> {
  const found = await findDocument(parts, federatedId(parts.signer.cluster, id));
  if (found === undefined) {
    throw notFound(splitLocalId(id).name);
  }
  requireVersion(id, found.version, ifVersion);
  await parts.resources.remove(id);
  return found;
}
