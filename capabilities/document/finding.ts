// A document by the way people spell it, and as it stands: own or mirrored.
import {
  equalBytes,
  federatedId,
  HansaError,
  resolveSpelled,
  resourceNameSchema,
  splitFederatedId,
  type Codec,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { LaneWriting } from '../lanes/contract.ts';
import type { ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { documentKind, type Document, type ShownDocument } from './contract.ts';
import { documentFrom, settingsFrom, settingsKey, valueKey } from './keys.ts';
import { entryTogether, openLane } from './lanes.ts';

export interface FindingNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly lanes: LaneWriting;
}

export function resolveDocument(needs: FindingNeeds, spelled: string): FederatedId {
  const resource = resolveSpelled(needs, documentKind, spelled);
  if (!spelled.includes(':')) {
    requireName(splitFederatedId(resource).name);
  }
  return resource;
}

function requireName(name: string): void {
  const parsed = resourceNameSchema.safeParse(name);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HansaError('INPUT_INVALID', `"${name}": ${issue?.message ?? 'is no name'}`);
  }
}

/** The local id of an own document, there or not; RESOURCE_READ_ONLY for a mirror. */
export function ownDocument(needs: FindingNeeds, spelled: string): LocalId {
  const resource = resolveDocument(needs, spelled);
  const { owner, local, name, kind } = splitFederatedId(resource);
  if (owner !== needs.signer.cluster) {
    const ownerName = needs.mirrors.find(resource)?.ownerName ?? owner.slice(0, 8);
    throw new HansaError('RESOURCE_READ_ONLY', `${ownerName} owns ${name}: this is its mirror`, {
      fix: `write it at ${ownerName}, or offer changes: hansa sync push ${ownerName}:${local}`,
      facts: { owner },
    });
  }
  if (kind !== documentKind) {
    throw notFound(spelled);
  }
  return local;
}

/**
 * Where a write goes: the own document, there or not, or, of one that its owner lets others write,
 * our lane. POLICY_DENIED where the owner does not let us.
 */
export async function writableDocument(
  needs: FindingNeeds,
  spelled: string,
  signal: AbortSignal | undefined,
): Promise<LocalId> {
  const resource = resolveDocument(needs, spelled);
  const mine = splitFederatedId(resource).owner === needs.signer.cluster;
  const settings = mine
    ? undefined
    : await (await needs.mirrors.view(resource))?.entry(settingsKey);
  if (settings === undefined || !said(needs.codec, settings).shared) {
    return ownDocument(needs, spelled);
  }
  return openLane(needs, resource, signal);
}

export function notFound(spelled: string): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no document ${spelled} here`, {
    fix: 'hansa document list',
  });
}

/** Undefined where it is not there, and where nothing of a mirror has arrived. */
export async function findDocument(
  needs: FindingNeeds,
  resource: FederatedId,
): Promise<ShownDocument | undefined> {
  const { owner, local, name, kind } = splitFederatedId(resource);
  const mine = owner === needs.signer.cluster;
  const source = mine ? ownSource(needs, local) : await mirroredSource(needs, resource);
  const entry = kind === documentKind ? await source?.entry(valueKey) : undefined;
  if (source === undefined || entry === undefined) {
    return undefined;
  }
  const { cell, value } = documentFrom(needs.codec, entry.value, owner);
  const settings = await source.entry(settingsKey);
  const ownerName = mine ? needs.signer.name : needs.mirrors.find(resource)?.ownerName;
  return {
    resource,
    name,
    role: mine ? 'own' : 'mirror',
    ownerName: ownerName ?? owner.slice(0, 8),
    ...said(needs.codec, settings),
    version: entry.version,
    sizeBytes: cell.value.length,
    writtenMs: cell.at[0],
    epoch: source.epoch,
    value,
  };
}

function said(
  codec: Codec,
  settings: Pick<ResourceEntry, 'value'> | undefined,
): { readonly type: string; readonly shared: boolean } {
  const { type, shared = false } =
    settings === undefined ? { type: documentKind } : settingsFrom(codec, settings.value);
  return { type, shared };
}

/** With our own lane's value, where there is one, that its owner may not have promoted yet. */
async function mirroredSource(
  needs: FindingNeeds,
  resource: FederatedId,
): Promise<ReturnType<typeof ownSource>> {
  const view = await needs.mirrors.view(resource);
  return view === undefined
    ? undefined
    : {
        epoch: view.epoch,
        entry: (key) => (equalBytes(key, valueKey) ? entryTogether(needs, view) : view.entry(key)),
      };
}

function ownSource(
  { resources }: FindingNeeds,
  local: LocalId,
):
  | {
      readonly epoch: number;
      entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
    }
  | undefined {
  const found = resources.find(local);
  return found === undefined
    ? undefined
    : { epoch: found.epoch, entry: (key) => resources.entry(local, key) };
}

/** Own documents and mirrors, in the order of their ids; lanes are neither. */
export function allDocuments({ resources, mirrors, signer }: FindingNeeds): readonly FederatedId[] {
  const own = resources
    .all()
    .filter(({ kind }) => kind === documentKind)
    .map(({ id }) => federatedId(signer.cluster, id));
  const copies = mirrors.all().filter(({ kind }) => kind === documentKind);
  return [...own, ...copies.map(({ resource }) => resource)].filter(isDocument).toSorted();
}

/** A lane's name begins with "@", which no person can give. */
export function isDocument(resource: FederatedId): boolean {
  const { kind, name } = splitFederatedId(resource);
  return kind === documentKind && !name.startsWith('@');
}

export function withoutValue(shown: ShownDocument): Document {
  const { value: _value, ...document } = shown;
  return document;
}
