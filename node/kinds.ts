// The kinds of resources that a node has from the first day, in the order of their registration.
// What a name without its kind means, is the first of them: a repository.
import { documentCapability } from '@hansa/capabilities/document/capability';
import { forgeCapability } from '@hansa/capabilities/forge/capability';
import type { Signer } from '@hansa/capabilities/identity/contract';
import { kindProvidersCapability } from '@hansa/capabilities/kind-providers/capability';
import { kvCapability } from '@hansa/capabilities/kv/capability';
import type { LaneWriting } from '@hansa/capabilities/lanes/contract';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import type { ScrubParts } from '@hansa/capabilities/scrub/contract';
import { streamCapability } from '@hansa/capabilities/stream/capability';
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import { scopeStore, type Capability } from '@hansa/foundation';
import type { CompositionNeeds } from './composition-needs.ts';

/** What every kind works with. */
interface KindNeeds extends CompositionNeeds {
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly lanes: LaneWriting;
  readonly scrubs: ScrubParts;
}

/** Each registers before sync settles the mirrors that it has of it. */
export function kindsOf(needs: KindNeeds): readonly Capability[] {
  const { git, facts, mirrors, store } = needs;
  needs.kinds?.forEach((kind) => mirrors.registerKind(kind));
  const forging =
    git === undefined ? [] : [forgeCapability({ ...needs, git, apiUrl: () => facts.api() })];
  return [
    ...forging,
    streamCapability({ ...needs, store: scopeStore(store, 'stream') }),
    kvCapability({ ...needs, store: scopeStore(store, 'kv') }),
    documentCapability(needs),
    kindProvidersCapability({ ...needs, store: scopeStore(store, 'kinds') }),
  ];
}
