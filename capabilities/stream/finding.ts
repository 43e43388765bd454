// A stream by the way people spell it, and how it stands: own or mirrored.
import {
  HansaError,
  resolveSpelled,
  splitFederatedId,
  type Codec,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { Standing } from './consumers.ts';
import { streamKind, type Stream } from './contract.ts';
import { defaultLimits, readLimits, readState, type StreamSource } from './sources.ts';
import { emptyState } from './keys.ts';

export interface FindingNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
}

export function resolveStream(needs: FindingNeeds, spelled: string): FederatedId {
  return resolveSpelled(needs, streamKind, spelled);
}

/** The local id of an own stream; RESOURCE_READ_ONLY for a mirror. */
export function ownStream(needs: FindingNeeds, spelled: string): LocalId {
  const resource = resolveStream(needs, spelled);
  const { owner, local, kind, name } = splitFederatedId(resource);
  if (owner !== needs.signer.cluster) {
    const ownerName = needs.mirrors.find(resource)?.ownerName ?? owner.slice(0, 8);
    throw new HansaError(
      'RESOURCE_READ_ONLY',
      `${ownerName} owns ${name}: this is its mirror, and only its owner appends`,
      {
        fix: `append at ${ownerName}, or to a stream of our own: hansa stream create <name>`,
        facts: { owner },
      },
    );
  }
  if (kind !== streamKind || needs.resources.find(local) === undefined) {
    throw notFound(spelled);
  }
  return local;
}

function notFound(spelled: string): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no stream ${spelled} here`, {
    fix: 'hansa stream list',
  });
}

/** Undefined where nothing of a mirror has arrived yet. */
export async function sourceOf(
  needs: FindingNeeds,
  resource: FederatedId,
): Promise<StreamSource | undefined> {
  const { owner, local, kind } = splitFederatedId(resource);
  if (owner !== needs.signer.cluster) {
    return needs.mirrors.view(resource);
  }
  const found = needs.resources.find(local);
  if (found === undefined || kind !== streamKind) {
    throw notFound(local);
  }
  const { epoch } = found;
  return { resource, epoch, entry: (key) => needs.resources.entry(local, key) };
}

export async function standingOf(needs: FindingNeeds, resource: FederatedId): Promise<Standing> {
  const source = await sourceOf(needs, resource);
  return source === undefined
    ? { resource, epoch: 0, state: emptyState }
    : { resource, epoch: source.epoch, state: await readState(needs.codec, source) };
}

export async function describeStream(needs: FindingNeeds, resource: FederatedId): Promise<Stream> {
  const { name } = splitFederatedId(resource);
  const source = await sourceOf(needs, resource);
  const { first, last, bytes, lastMs } =
    source === undefined ? emptyState : await readState(needs.codec, source);
  return {
    resource,
    name,
    ...ownership(needs, resource),
    epoch: source?.epoch ?? 0,
    first,
    last,
    bytes,
    ...(last === 0 ? {} : { lastMs }),
    limits: source === undefined ? defaultLimits : await readLimits(needs.codec, source),
  };
}

/** A mirror knows its owner's messages, not its words about them. */
function ownership(
  { signer, resources, mirrors }: FindingNeeds,
  resource: FederatedId,
): Pick<Stream, 'role' | 'ownerName' | 'description' | 'labels'> {
  const { owner, local } = splitFederatedId(resource);
  if (owner !== signer.cluster) {
    const ownerName = mirrors.find(resource)?.ownerName ?? owner.slice(0, 8);
    return { role: 'mirror', ownerName, description: '', labels: {} };
  }
  const { description = '', labels = {} } = resources.find(local) ?? {};
  return { role: 'own', ownerName: signer.name, description, labels };
}
