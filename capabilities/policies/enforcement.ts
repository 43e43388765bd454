// Enforcement: every question is answered by the same rules. What a peer may see is computed once
// per change of rules, resources, links, mirrors or tokens, and then looked up.
import {
  createRecent,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type FederatedId,
  type LocalId,
  type Recent,
} from '@hansa/foundation';
import type { Peers, PeerStanding } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import {
  verbs,
  type Decision,
  type MirrorEnforcement,
  type MirroredResource,
  type MirroredResources,
  type PresentedTokens,
  type ResourceId,
  type Rule,
  type Verb,
  isFederated,
} from './contract.ts';
import { explain, judge, rulesFor, type Asked, type Ruling } from './decide.ts';

// answers kept: three verbs of every link there may be, and room for strangers
const answersMax = 4_096;

export interface EnforcementNeeds {
  readonly clock: Clock;
  readonly signer: { readonly cluster: ClusterId };
  readonly resources: ResourceLog;
  readonly peers: Peers;
  readonly tokens?: PresentedTokens | undefined;
  readonly rules: {
    all(): readonly Rule[];
    readonly generation: number;
    subscribe(changed: () => void): () => void;
  };
}

/** Enforcement with what the other rooms of policies ask it. */
export interface Enforcing {
  readonly enforcement: MirrorEnforcement;
  /** Everything that rules may speak of. */
  assets(): readonly Asked[];
  find(id: ResourceId): Asked | undefined;
  /** For any standing and rules: what would be decided. */
  ruling(peer: PeerStanding, verb: Verb, rules: readonly Rule[]): Ruling;
  /** The limits with a budget that hold while the peer pulls the resource. */
  budgets(peer: ClusterId, resource: ResourceId): readonly Rule[];
}

interface Answers {
  readonly generation: string;
  readonly freshUntilMs: number;
  readonly own: Recent<string, ReadonlySet<LocalId>>;
  readonly mirrored: Recent<string, ReadonlySet<FederatedId>>;
  readonly budgets: Recent<string, readonly Rule[]>;
}

/** The present state, and whether answers made before are still true. */
interface Living extends EnforcementNeeds {
  mirrored: MirroredResources;
  answers: Answers | undefined;
  readonly mirrorListeners: Set<() => void>;
}

const noMirrors: MirroredResources = {
  all: () => [],
  find: () => undefined,
  generation: 0,
  subscribe: () => () => undefined,
};

export function createEnforcement(needs: EnforcementNeeds): Enforcing {
  const living: Living = {
    ...needs,
    mirrored: noMirrors,
    answers: undefined,
    mirrorListeners: new Set(),
  };
  const rulingNow = (peer: ClusterId, verb: Verb): Ruling =>
    rulingOf(living, needs.peers.standing(peer), { verb, rules: needs.rules.all() });
  const find = (id: ResourceId): Asked | undefined => assetCalled(living, id);
  return {
    find,
    assets: () => [...needs.resources.all(), ...living.mirrored.all().map(mirroredAsset)],
    ruling: (peer, verb, rules) => rulingOf(living, peer, { verb, rules }),
    budgets(peer, id) {
      const { budgets } = freshAnswers(living);
      return kept(budgets, `${peer} ${id}`, () => {
        const resource = find(id);
        const limits =
          resource === undefined ? [] : judge(rulingNow(peer, 'pull'), resource).limits;
        return limits.filter((rule) => rule.limits?.budget !== undefined);
      });
    },
    enforcement: enforcementOf(living, rulingNow),
  };
}

function enforcementOf(
  living: Living,
  rulingNow: (peer: ClusterId, verb: Verb) => Ruling,
): MirrorEnforcement {
  const { resources } = living;
  const allowedOf = <T extends Asked>(items: readonly T[], ruling: Ruling): readonly T[] =>
    items.filter((item) => judge(ruling, item).allowed);
  const visible = (peer: ClusterId, verb: Verb): ReadonlySet<LocalId> =>
    kept(freshAnswers(living).own, `${verb} ${peer}`, () => {
      const shared = allowedOf(resources.all(), rulingNow(peer, verb));
      return new Set(shared.map(({ id }) => id));
    });
  const visibleMirrored = (peer: ClusterId, verb: Verb): ReadonlySet<FederatedId> =>
    kept(freshAnswers(living).mirrored, `${verb} ${peer}`, () => {
      const mirrors = living.mirrored.all().map(mirroredAsset);
      return new Set(allowedOf(mirrors, rulingNow(peer, verb)).map(({ id }) => id));
    });
  return {
    visible,
    visibleMirrored,
    decide(peer, verb, id): Decision {
      const resource = assetCalled(living, id);
      return resource === undefined
        ? { allowed: false, verb, resource: id, peer, reason: `there is no ${id} here` }
        : explain(rulingNow(peer, verb), resource);
    },
    granted: (peer, id) => {
      const own = ownId(living, id);
      return verbs.filter((verb) =>
        own === undefined
          ? isFederated(id) && visibleMirrored(peer, verb).has(id)
          : visible(peer, verb).has(own),
      );
    },
    setMirrored(mirrored) {
      living.mirrored = mirrored;
      living.answers = undefined;
      mirrored.subscribe(() => living.mirrorListeners.forEach((listener) => listener()));
    },
    subscribe: (changed) => subscribe(living, changed),
  };
}

function rulingOf(
  { clock, tokens }: Living,
  peer: PeerStanding,
  given: { readonly verb: Verb; readonly rules: readonly Rule[] },
): Ruling {
  return rulesFor(given.rules, { peer, verb: given.verb, nowMs: clock.now(), tokens });
}

function mirroredAsset(mirror: MirroredResource): MirroredResource & Asked {
  return { ...mirror, owner: splitFederatedId(mirror.id).owner };
}

/** Undefined for what another cluster owns. */
function ownId({ signer }: Living, id: ResourceId): LocalId | undefined {
  if (!isFederated(id)) {
    return id;
  }
  const { owner, local } = splitFederatedId(id);
  return owner === signer.cluster ? local : undefined;
}

function assetCalled(living: Living, id: ResourceId): Asked | undefined {
  const own = ownId(living, id);
  if (own !== undefined) {
    return living.resources.find(own);
  }
  const mirror = isFederated(id) ? living.mirrored.find(id) : undefined;
  return mirror === undefined ? undefined : mirroredAsset(mirror);
}

function kept<V>(answers: Recent<string, V>, key: string, make: () => V): V {
  const held = answers.get(key);
  if (held !== undefined) {
    return held;
  }
  const made = make();
  answers.set(key, made);
  return made;
}

function freshAnswers(living: Living): Answers {
  const generation = generationOf(living);
  const { answers, clock } = living;
  if (answers?.generation === generation && clock.now() < answers.freshUntilMs) {
    return answers;
  }
  living.answers = {
    generation,
    freshUntilMs: freshUntil(living),
    own: createRecent(answersMax),
    mirrored: createRecent(answersMax),
    budgets: createRecent(answersMax),
  };
  return living.answers;
}

function generationOf({ rules, resources, peers, mirrored, tokens }: Living): string {
  const counted = [rules, resources, peers, mirrored, ...(tokens === undefined ? [] : [tokens])];
  return counted.map(({ generation }) => generation).join(' ');
}

/** When time alone changes an answer next: a rule expires, a limit ends, a token runs out. */
function freshUntil({ rules, clock, tokens }: Living): number {
  const nowMs = clock.now();
  let soonest = tokens?.freshUntilMs() ?? Number.MAX_SAFE_INTEGER;
  for (const { expiresMs = 0, limits } of rules.all()) {
    for (const moment of [expiresMs, limits?.endsMs ?? 0]) {
      soonest = moment > nowMs ? Math.min(soonest, moment) : soonest;
    }
  }
  return soonest;
}

function subscribe(living: Living, changed: () => void): () => void {
  const { clock, rules, resources, peers, tokens, mirrorListeners } = living;
  // Beats and pushes come by the thousand; hardly any of them changes a decision.
  let before = generationOf(living);
  let untilMs = freshUntil(living);
  const compare = (): void => {
    const now = generationOf(living);
    if (now !== before || clock.now() >= untilMs) {
      before = now;
      untilMs = freshUntil(living);
      changed();
    }
  };
  mirrorListeners.add(compare);
  const stops = [
    rules.subscribe(compare),
    resources.subscribe(compare),
    peers.subscribe(compare),
    tokens?.subscribe(compare),
  ];
  return () => {
    mirrorListeners.delete(compare);
    stops.forEach((stop) => stop?.());
  };
}
