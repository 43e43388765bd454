// The capabilities that stand on the cluster's store alone: what they do concerns no other cluster,
// and none of the others asks them anything.
import { backupsCapability } from '@hansa/capabilities/backups/capability';
import { createGreetingCapability } from '@hansa/capabilities/greeting/capability';
import { nodesCapability, nodesScope, type LoneNode } from '@hansa/capabilities/nodes/capability';
import { scopeStore, type Capability, type KeyValueStore } from '@hansa/foundation';
import type { CompositionNeeds } from './composition-needs.ts';
import { coordinatingOn } from './coordinating.ts';

export function standingAlone(needs: CompositionNeeds): readonly Capability[] {
  const { backups: writer, nodes } = needs;
  const { signer } = needs.identity;
  const scoped = (name: string): { readonly store: KeyValueStore } => ({
    store: scopeStore(needs.store, name),
  });
  return [
    ...(writer === undefined
      ? []
      : [backupsCapability({ ...needs, ...scoped('backups'), writer })]),
    nodesCapability({
      ...needs,
      ...scoped(nodesScope),
      signer,
      host: nodes?.host,
      self: selfOf(needs),
    }),
    ...coordinatingOn(needs),
    createGreetingCapability({ ...needs, ...scoped('greeting') }),
  ];
}

function selfOf({ identity, facts, nodes }: CompositionNeeds): LoneNode {
  const { node, name } = identity.signer;
  return { node, name: nodes?.name ?? name, api: nodes?.api ?? facts.api, version: facts.version };
}
