// Mirrors and what may become one, as people spell them: `<peer>:<name>`, `<peer>:<kind>/<name>` or
// a federated id.
import {
  chosenSpelled,
  federatedIdSchema,
  HansaError,
  remote,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { FederatedKind } from './contract.ts';
import { headsPerRequestMax, syncPeerContract } from './wire.ts';

export interface NamingNeeds {
  readonly peers: Peers;
  readonly signer: Signer;
  readonly kinds: ReadonlyMap<string, FederatedKind>;
}

export interface Spelled {
  readonly owner: ClusterId;
  /** What stands behind the owner: a name, with its kind or without. */
  readonly name: string;
  /** Where it was spelled in full: nothing else is meant. */
  readonly whole?: FederatedId;
}

/** INPUT_INVALID, LINK_NOT_FOUND. */
export function readSpelled({ peers, signer }: NamingNeeds, spelled: string): Spelled {
  const whole = federatedIdSchema.safeParse(spelled);
  if (whole.success) {
    const { owner, local } = splitFederatedId(whole.data);
    return { owner, name: local, whole: whole.data };
  }
  const colon = spelled.indexOf(':');
  if (colon < 1) {
    throw new HansaError('INPUT_INVALID', `"${spelled}" is not "<peer>:<name>"`, {
      fix: 'for example lubeck:hansa',
    });
  }
  const peer = spelled.slice(0, colon);
  const owner = peer === signer.name ? signer.cluster : peers.resolve(peer).cluster;
  return { owner, name: spelled.slice(colon + 1) };
}

/** Which of them is meant, if any. INPUT_INVALID where it could be several. */
export function chosenOf(
  candidates: readonly FederatedId[],
  { owner, name, whole }: Spelled,
): FederatedId | undefined {
  if (whole !== undefined) {
    return candidates.find((each) => each === whole);
  }
  const split = candidates.map((resource) => ({ resource, ...splitFederatedId(resource) }));
  const found = split.filter((each) => each.owner === owner);
  return chosenSpelled(found, name)?.resource;
}

/** Where nothing that is known is meant: a name without kind is of the only kind. */
export function assumed({ kinds }: NamingNeeds, { owner, name, whole }: Spelled): FederatedId {
  if (whole !== undefined) {
    return whole;
  }
  const [first = ''] = name.split('/');
  const [only] = kinds.keys();
  const local = kinds.has(first) && name.includes('/') ? name : `${only ?? 'git'}/${name}`;
  const composed = federatedIdSchema.safeParse(`${owner}:${local}`);
  if (!composed.success) {
    throw new HansaError('INPUT_INVALID', `"${name}" is no name of a resource`, {
      fix: 'hansa catalog list shows what there is',
    });
  }
  return composed.data;
}

/** What the owner has for us that could be meant: of a kind that is spelled, or of any known. */
export async function offered(
  { peers, kinds }: NamingNeeds,
  { owner, name }: Spelled,
  signal: AbortSignal | undefined,
): Promise<readonly FederatedId[]> {
  const spelled = [name, ...[...kinds.keys()].map((kind) => `${kind}/${name}`)];
  const resources = spelled
    .flatMap((local) => federatedIdSchema.safeParse(`${owner}:${local}`).data ?? [])
    .slice(0, headsPerRequestMax);
  if (resources.length === 0) {
    return [];
  }
  const peer = remote(syncPeerContract, peers.carrier(owner));
  const { heads } = await peer.heads({ resources }, { signal });
  return resources.filter((_, index) => (heads[index] ?? null) !== null);
}
