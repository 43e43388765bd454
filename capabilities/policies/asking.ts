// From a rule as it is asked for to the rule that is kept: the cluster itself, whatever it will be
// called; verbs, not directions; a moment, not a length.
import { federatedId, type Clock, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import {
  directions,
  isFederated,
  verbs,
  type Limits,
  type ResourceId,
  type Rule,
  type RuleDraft,
  type RuleRequest,
  type ShownRule,
} from './contract.ts';

export interface AskingNeeds {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly signer: { readonly cluster: ClusterId };
}

export function draftOf(needs: AskingNeeds, request: RuleRequest): RuleDraft {
  const { clock, peers } = needs;
  const { effect, resources, peers: chosen, limits, expiresMs, ttlMs } = request;
  const { owner, ...selected } = resources;
  const foreign = owner === undefined ? undefined : ownerOf(needs, owner);
  const asked = request.direction === undefined ? request.verbs : directions[request.direction];
  return given({
    effect,
    resources: given({ ...selected, owner: foreign }),
    peers: 'peer' in chosen ? { cluster: peers.resolve(chosen.peer).cluster } : chosen,
    verbs: verbs.filter((verb) => asked?.includes(verb)),
    limits: limits === undefined ? undefined : limitsOf(clock, limits),
    expiresMs: ttlMs === undefined ? expiresMs : clock.now() + ttlMs,
  });
}

function limitsOf(clock: Clock, asked: NonNullable<RuleRequest['limits']>): Limits {
  const { residency, budget, endsMs, endsInMs } = asked;
  return given({
    residency,
    budget,
    endsMs: endsInMs === undefined ? endsMs : clock.now() + endsInMs,
  });
}

/** Undefined where it is us: what is ours has no owner in a rule. */
function ownerOf({ peers, signer }: AskingNeeds, spelled: string): ClusterId | undefined {
  const owner = spelled === signer.cluster ? signer.cluster : peers.resolve(spelled).cluster;
  return owner === signer.cluster ? undefined : owner;
}

/** A resource as people name it: ours, or one of an owner whose name may be spelled. */
export function resourceCalled(
  needs: AskingNeeds,
  asked: { readonly resource: ResourceId; readonly owner?: string | undefined },
): ResourceId {
  const owner = asked.owner === undefined ? undefined : ownerOf(needs, asked.owner);
  return owner === undefined || isFederated(asked.resource)
    ? asked.resource
    : federatedId(owner, asked.resource);
}

/** Without the fields that are undefined: two rules that say the same are the same. */
function given<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** One text for all rules that say the same, whatever their id and age. */
export function sameness({
  effect,
  resources,
  peers,
  verbs: some,
  limits,
  expiresMs,
}: RuleDraft): string {
  return JSON.stringify(sorted({ effect, resources, peers, verbs: some, limits, expiresMs }));
}

/** The same fields in the same order, however they came. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) {
    return value;
  }
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields
    .map(([name, field]): [string, unknown] => [name, sorted(field)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export function named(peers: Peers, rule: Rule): ShownRule {
  const peerName = 'cluster' in rule.peers ? peers.standing(rule.peers.cluster).name : undefined;
  return peerName === undefined ? rule : { ...rule, peerName };
}
