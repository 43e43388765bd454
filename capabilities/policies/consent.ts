// Before access is taken away: who loses what, which copies freeze, and the question. The same
// wherever a plan is carried out: rules, labels, trust.
import {
  flagOption,
  remote,
  requireYes,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { receiptsContract, type CopyName, type Holding } from '../receipts/contract.ts';
import type { Plan } from './plan.ts';
import { planLines, planSentence, planView } from './plan-view.ts';
import { isFederated } from './rule.ts';

/** A plan together with the copies that would freeze. */
export interface Foreseen {
  readonly plan: Plan;
  readonly mirrors: readonly Holding[];
}

export async function foresee({ carrier, signal }: CommandContext, plan: Plan): Promise<Foreseen> {
  const copies = copiesOf(plan);
  if (copies.length === 0) {
    return { plan, mirrors: [] };
  }
  const { holdings } = await remote(receiptsContract, carrier).holders({ copies }, { signal });
  return { plan, mirrors: holdings.filter(({ state }) => state === 'holds') };
}

/** Copies that peers may not pull any more; what we mirror for others is not ours to withdraw. */
function copiesOf({ rows }: Plan): readonly CopyName[] {
  return rows
    .filter(({ change, verbs }) => change === 'loses' && verbs.includes('pull'))
    .flatMap(({ peer, resource }) => (isFederated(resource) ? [] : [{ peer, resource }]));
}

/** Whether somebody loses something; of a plan that was cut short, nobody can say. */
export function takesAway({ rows, truncated }: Plan): boolean {
  return truncated || rows.some(({ change }) => change === 'loses');
}

export function foreseenView({ plan, mirrors }: Foreseen, now = false): CommandView {
  return { kind: 'stack', views: [planView(plan), ...mirrorsView(mirrors, now)] };
}

function mirrorsView(mirrors: readonly Holding[], now: boolean): readonly CommandView[] {
  if (mirrors.length === 0) {
    return [];
  }
  const rows = mirrors.map(({ peerName, id, ...copy }) => [peerName, id, positionText(copy)]);
  const columns = ['PEER', 'RESOURCE', 'COPY AT'];
  return [
    { kind: 'text', text: freezingText(now) },
    { kind: 'table', columns, rows, empty: '' },
  ];
}

function freezingText(now: boolean): string {
  return now
    ? 'These mirrors are asked to delete their copies now:'
    : 'These mirrors freeze, and are asked to delete their copies after 24 hours:';
}

function positionText({ epoch, sequence }: Pick<Holding, 'epoch' | 'sequence'>): string {
  return epoch === undefined || sequence === undefined ? '-' : `${epoch}/${sequence}`;
}

/**
 * Passes with `--yes` or a person's yes. Whoever did not say so beforehand is told everything
 * first: without a terminal, that is the answer, and nothing has happened.
 */
export async function requireConsent(
  context: CommandContext,
  asked: {
    readonly question: string;
    readonly foreseen: Foreseen;
    /** What else is to be read before the answer. */
    readonly told?: readonly string[];
    readonly now?: boolean;
  },
): Promise<void> {
  const { question, foreseen, told = [], now = false } = asked;
  const { plan, mirrors } = foreseen;
  if (!flagOption(context, 'yes')) {
    const copies = mirrors.map(({ peerName, id }) => `  ${peerName}: ${id}`);
    const freezing = copies.length === 0 ? [] : [freezingText(now), ...copies];
    [...told, ...planLines(plan), ...freezing].forEach((line) => context.progress(line));
  }
  const freeze = mirrors.length === 0 ? '' : ` ${mirrors.length} mirror(s) freeze.`;
  await requireYes(context, `${question} ${planSentence(plan)}${freeze}`);
}
