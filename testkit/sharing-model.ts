// What a federation's owners have allowed, as the simulation itself has asked for it: shares no
// code with the clusters' own decisions. It answers what a peer may see at this moment, in doubt
// yes, for judging what crossed the wire; what it must get, in doubt no, for judging where
// everybody ends.
import type { Verb } from '@hansa/capabilities/policies/contract';

export interface ModelRule {
  readonly owner: string;
  /** Undefined is everybody. */
  readonly peer: string | undefined;
  /** The resource's name, whole. */
  readonly name: string;
  /** Default: a note. */
  readonly kind?: string;
  readonly verbs: readonly Verb[];
  readonly effect: 'allow' | 'deny';
}

export interface AskedRule extends ModelRule {
  /** As the owner's cluster calls it; undefined until it answered. */
  id: string | undefined;
  /** Since when it certainly holds; undefined while that is not known. */
  sureSinceMs: number | undefined;
  /** When its removal was acknowledged. */
  endedMs: number | undefined;
}

export interface LinkFacts {
  /** The owner's own record of the peer: there, confirmed, not closed. */
  readonly open: boolean;
  readonly closedMs: number | undefined;
}

/**
 * What is under way when something is forbidden may still arrive: one scheduling of one process.
 */
const graceMs = 50;

export interface SharingModel {
  ask(rule: ModelRule): AskedRule;
  /** Rules that are not known to be over. */
  readonly rules: readonly AskedRule[];
  /** All that were ever asked for. */
  readonly asked: readonly AskedRule[];
  /** `undefined`: it is under way, or has no known outcome. */
  judge(owner: string, peer: string, blocked: boolean | undefined): void;
  /** Whether the owner certainly lets nothing get to the peer, whatever rules say. */
  bars(owner: string, peer: string): boolean;
  /**
   * Since when the owner has certainly nothing against the peer; 0 where it never had, and
   * undefined while it has, or nobody knows.
   */
  trustsSinceMs(owner: string, peer: string): number | undefined;
  /** The owner's disk is what it was then: what it was told later is known no more. */
  forgetSince(owner: string, sinceMs: number): void;
  may(question: { owner: string; peer: string; name: string; verbs: readonly Verb[] }): boolean;
}

export function createSharingModel(needs: {
  nowMs(): number;
  link(owner: string, peer: string): LinkFacts;
}): SharingModel {
  const rules: AskedRule[] = [];
  const judgements = createJudgements();
  const recently = (ms: number | undefined): boolean =>
    ms !== undefined && needs.nowMs() - ms <= graceMs;
  const holds = (rule: AskedRule): boolean => rule.endedMs === undefined || recently(rule.endedMs);
  const certain = (rule: AskedRule): boolean =>
    rule.endedMs === undefined && rule.sureSinceMs !== undefined && !recently(rule.sureSinceMs);
  const doorOpen = (rule: AskedRule, owner: string, peer: string): boolean => {
    const { open, closedMs } = needs.link(owner, peer);
    return rule.peer === undefined || open || recently(closedMs);
  };
  const bars = (owner: string, peer: string): boolean => {
    const { blocked, sinceMs } = judgements.last(owner, peer);
    return blocked === true && !recently(sinceMs);
  };
  return {
    bars,
    judge(owner, peer, blocked) {
      judgements.set(owner, peer, { blocked, sinceMs: needs.nowMs() });
    },
    trustsSinceMs(owner, peer) {
      const { blocked, sinceMs } = judgements.last(owner, peer);
      return blocked === false ? sinceMs : undefined;
    },
    forgetSince(owner, sinceMs) {
      judgements.doubtSince(owner, sinceMs);
      for (const rule of rules.filter((each) => each.owner === owner)) {
        rule.endedMs = (rule.endedMs ?? 0) > sinceMs ? undefined : rule.endedMs;
        rule.sureSinceMs = (rule.sureSinceMs ?? 0) > sinceMs ? undefined : rule.sureSinceMs;
      }
    },
    ask(rule) {
      const asked = { ...rule, id: undefined, sureSinceMs: undefined, endedMs: undefined };
      rules.push(asked);
      return asked;
    },
    asked: rules,
    get rules() {
      return rules.filter(({ endedMs }) => endedMs === undefined);
    },
    may({ owner, peer, name, verbs }) {
      const about = rules.filter(
        (rule) =>
          rule.owner === owner &&
          rule.name === name &&
          (rule.peer === undefined || rule.peer === peer),
      );
      return (
        !bars(owner, peer) &&
        verbs.some(
          (verb) =>
            about.some(
              (rule) =>
                rule.effect === 'allow' &&
                rule.verbs.includes(verb) &&
                holds(rule) &&
                doorOpen(rule, owner, peer),
            ) &&
            !about.some(
              (rule) => rule.effect === 'deny' && rule.verbs.includes(verb) && certain(rule),
            ),
        )
      );
    },
  };
}

interface Judgement {
  /** `undefined`: nobody knows. */
  readonly blocked: boolean | undefined;
  readonly sinceMs: number;
}

/** What owners last said of their peers. */
function createJudgements(): {
  set(owner: string, peer: string, judgement: Judgement): void;
  last(owner: string, peer: string): Judgement;
  doubtSince(owner: string, sinceMs: number): void;
} {
  const judged = new Map<string, Judgement>();
  return {
    set: (owner, peer, judgement) => void judged.set(`${owner} ${peer}`, judgement),
    last: (owner, peer) => judged.get(`${owner} ${peer}`) ?? { blocked: false, sinceMs: 0 },
    doubtSince(owner, sinceMs) {
      for (const [pair, judgement] of judged) {
        if (pair.startsWith(`${owner} `) && judgement.sinceMs > sinceMs) {
          judged.set(pair, { ...judgement, blocked: undefined });
        }
      }
    },
  };
}
