// Resources and changes as people spell them: `hansa`, `git/hansa`, `lubeck:hansa`, a federated id,
// and behind any of them `#<epoch>/<sequence>`.
import {
  chosenSpelled,
  federatedId,
  federatedIdSchema,
  HansaError,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';

export interface SpellingNeeds {
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly resources: Pick<ResourceLog, 'find' | 'all'>;
  readonly mirrors: Pick<Mirrors, 'resolve'>;
}

/** One of ours, or a mirror. RESOURCE_NOT_FOUND, MIRROR_NOT_FOUND, LINK_NOT_FOUND. */
export function resolveResource(needs: SpellingNeeds, spelled: string): FederatedId {
  const { signer, mirrors } = needs;
  const colon = spelled.indexOf(':');
  const owner = spelled.slice(0, Math.max(colon, 0));
  if (colon < 0 || owner === signer.name || owner === signer.cluster) {
    return federatedId(signer.cluster, ownResource(needs, spelled.slice(colon + 1)));
  }
  const whole = federatedIdSchema.safeParse(spelled);
  return mirrors.resolve(whole.success ? whole.data : spelled);
}

function ownResource({ resources }: SpellingNeeds, spelled: string): LocalId {
  const found = chosenSpelled(resources.all(), spelled);
  if (found === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no resource "${spelled}" here`, {
      fix: 'spell a mirror as <peer>:<name>; hansa sync status lists them',
    });
  }
  return found.id;
}

export interface SpelledChange {
  readonly resource: string;
  /** Absent: the latest. */
  readonly at?: { readonly epoch?: number; readonly sequence: number };
}

/** INPUT_INVALID on what follows a `#` and is no place in a history. */
export function readChangeId(spelled: string): SpelledChange {
  const [resource = '', place, ...more] = spelled.split('#');
  if (place === undefined) {
    return { resource };
  }
  const [, epoch, sequence = ''] = /^(?:(\d{1,15})\/)?(\d{1,15})$/.exec(place) ?? [];
  if (sequence === '' || more.length > 0 || resource === '') {
    throw new HansaError('INPUT_INVALID', `"${spelled}" is no id of a change`, {
      fix: 'write <resource>#<epoch>/<sequence>, for example lubeck:hansa#1/42',
    });
  }
  const at = { sequence: Number(sequence) };
  return { resource, at: epoch === undefined ? at : { ...at, epoch: Number(epoch) } };
}
