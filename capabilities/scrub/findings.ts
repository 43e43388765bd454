// What was found, over rounds and restarts: open until a round puts it right or does not meet it
// any more. Of what was put right, the newest are kept for people.
import { HansaError, type Clock, type KeyValueStore, type Log } from '@hansa/foundation';
import { findingsMax, type Finding, type ScrubClass } from './contract.ts';
import type { ScrubTables } from './keys.ts';

export interface Findings {
  /** Read at the start. */
  load(): Promise<void>;
  all(): readonly Finding[];
  open(): readonly Finding[];
  put(finding: Finding): Promise<void>;
  /** A round has read the whole class since then: what it did not meet is right again. */
  settle(of: ScrubClass, sinceMs: number): Promise<void>;
}

export function createFindings(needs: {
  readonly store: KeyValueStore;
  readonly tables: ScrubTables;
  readonly clock: Clock;
  readonly log: Log;
}): Findings {
  const { store, tables, clock, log } = needs;
  const kept = new Map<string, { readonly finding: Finding; readonly metMs: number }>();
  const keyOf = ({ class: of, name }: Pick<Finding, 'class' | 'name'>): string => `${of} ${name}`;
  const isOpen = ({ repairedMs }: Finding): boolean => repairedMs === undefined;
  const all = (): Finding[] =>
    [...kept.values()]
      .map(({ finding }) => finding)
      .toSorted((a, b) => Number(isOpen(b)) - Number(isOpen(a)) || b.foundMs - a.foundMs);
  const write = async (finding: Finding): Promise<void> => {
    kept.set(keyOf(finding), { finding, metMs: clock.now() });
    await store.batchWrite([tables.findings.put([finding.class, finding.name], finding)]);
    await forgetOldest();
  };
  const forgetOldest = async (): Promise<void> => {
    const repaired = all().filter((each) => !isOpen(each));
    for (const { class: of, name } of repaired.slice(findingsMax)) {
      kept.delete(keyOf({ class: of, name }));
      await store.batchWrite([tables.findings.delete([of, name])]);
    }
  };
  return {
    async load() {
      for await (const { value } of tables.findings.rows()) {
        kept.set(keyOf(value), { finding: value, metMs: 0 });
      }
    },
    all,
    open: () => all().filter(isOpen),
    async put(finding) {
      const before = kept.get(keyOf(finding))?.finding;
      const isKnown = before !== undefined && isOpen(before);
      if (!isKnown && all().filter(isOpen).length >= findingsMax) {
        return; // the next round names the rest
      }
      const error = damageOf(finding);
      if (finding.repairedMs === undefined) {
        log.problem('scrub.found', error, { class: finding.class, name: finding.name });
      } else {
        const { class: of, name, from = 'here' } = finding;
        log.event('scrub.repaired', { class: of, name, from });
      }
      await write({ ...finding, foundMs: isKnown ? before.foundMs : finding.foundMs });
    },
    async settle(of, sinceMs) {
      for (const { finding, metMs } of kept.values()) {
        if (finding.class === of && isOpen(finding) && metMs < sinceMs) {
          await write({ ...finding, repairedMs: clock.now(), from: 'itself', reason: undefined });
        }
      }
    },
  };
}

export function damageOf({ class: of, name, sentence, reason }: Finding): HansaError {
  const why = reason === undefined ? '' : `; not put right: ${reason}`;
  return new HansaError('DATA_DAMAGED', `${of} ${name}: ${sentence}${why}`, {
    facts: { class: of, name },
  });
}
