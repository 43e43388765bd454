// Lanes of spaces: what others wrote is merged into ours, cell by cell, by the space's rule. Newer
// by what its writer had seen simply wins; only what was written at the same time needs a rule.
import { fromUtf8, hlcAheadMaxMs, HansaError, type Clock, type ClusterId } from '@hansa/foundation';
import {
  conflictShownMax,
  type ConflictSide,
  type FoundConflict,
  type LaneKind,
  type Promotion,
} from '../lanes/contract.ts';
import {
  compareCells,
  decodeCell,
  kvKind,
  mergedCells,
  transactOpsMax,
  type Cell,
  type MergeRule,
} from './contract.ts';
import type { FindingNeeds } from './finding.ts';
import { entryKey, keyOf } from './keys.ts';
import type { Writing } from './writing.ts';

export interface PromotingNeeds extends FindingNeeds {
  readonly clock: Clock;
  readonly writing: Writing;
}

interface Brought {
  readonly key: string;
  readonly cell: Cell;
}

export function createKvLanes(needs: PromotingNeeds): LaneKind {
  return {
    kind: kvKind,
    promote: (promotion) => promote(needs, promotion),
    resolve: ({ key, take, ...promotion }) => resolve(needs, promotion, { key, take }),
  };
}

async function promote(
  needs: PromotingNeeds,
  promotion: Promotion,
): ReturnType<LaneKind['promote']> {
  let taken = 0;
  const conflicts: FoundConflict[] = [];
  let group: Brought[] = [];
  const flush = async (): Promise<void> => {
    const done = await promoteGroup(needs, promotion, group);
    taken += done.taken;
    conflicts.push(...done.conflicts);
    group = [];
  };
  for await (const { key: bytes, value } of promotion.lane.entries()) {
    promotion.signal.throwIfAborted();
    const key = keyOf(bytes);
    if (key !== undefined) {
      group.push({ key, cell: cellOf(needs, promotion, value) });
    }
    if (group.length >= transactOpsMax) {
      await flush();
    }
  }
  await flush();
  return { taken, conflicts };
}

/** CHANGE_INVALID for a cell that its writer cannot have written. */
function cellOf({ codec, clock }: PromotingNeeds, { writer }: Promotion, value: Uint8Array): Cell {
  const cell = decodeCell(codec, value, writer);
  if (cell.by !== writer) {
    throw new HansaError('CHANGE_INVALID', 'a lane holds a cell that another cluster wrote');
  }
  if (cell.lease !== undefined) {
    throw new HansaError('CHANGE_INVALID', 'a lane holds a cell under a lease of ours');
  }
  if (cell.at[0] > clock.now() + hlcAheadMaxMs) {
    throw new HansaError('CLOCK_AHEAD', 'a lane holds a cell of a minute that has not come yet');
  }
  return cell;
}

async function promoteGroup(
  needs: PromotingNeeds,
  promotion: Promotion,
  group: readonly Brought[],
): Promise<{ taken: number; conflicts: readonly FoundConflict[] }> {
  if (group.length === 0) {
    return { taken: 0, conflicts: [] };
  }
  return needs.writing.run(promotion.resource, {
    keys: group.map(({ key }) => key),
    ops: group.length,
    bytes: group.reduce((sum, { key, cell }) => sum + key.length + cell.value.length, 0),
    decide(standing, { rule }) {
      const cells = new Map<string, Cell>();
      const conflicts: FoundConflict[] = [];
      for (const { key, cell } of group) {
        const ours = standing(key).cell;
        const outcome = met(rule, ours, cell);
        if (outcome === 'apart' && ours !== undefined) {
          conflicts.push(conflictOf(needs, promotion, { key, ours, theirs: cell }));
        } else if (typeof outcome === 'object') {
          cells.set(key, outcome);
        }
      }
      return { writes: new Map(), cells, answer: () => ({ taken: cells.size, conflicts }) };
    },
  });
}

/** What is to stand there; undefined where it stands already, `apart` where a person decides. */
function met(rule: MergeRule, ours: Cell | undefined, theirs: Cell): Cell | 'apart' | undefined {
  const order = ours === undefined ? 'dominates' : compareCells(theirs, ours);
  if (order === 'dominated' || order === 'equal') {
    return undefined;
  }
  return mergedCells(rule, ours === undefined ? [theirs] : [ours, theirs]).shown ?? 'apart';
}

async function resolve(
  needs: PromotingNeeds,
  promotion: Promotion,
  { key, take }: { readonly key: string; readonly take: 'ours' | 'theirs' },
): Promise<void> {
  const entry = await promotion.lane.entry(entryKey(key));
  if (entry === undefined) {
    return; // they took it back meanwhile
  }
  const theirs = cellOf(needs, promotion, entry.value);
  await needs.writing.run(promotion.resource, {
    keys: [key],
    ops: 1,
    bytes: key.length + theirs.value.length,
    decide(standing) {
      const ours = standing(key).cell;
      const chosen = take === 'theirs' || ours === undefined ? theirs : ours;
      // Whichever stays has seen both: neither comes back.
      const { shown } = mergedCells(
        'last-write-wins',
        ours === undefined ? [theirs] : [ours, theirs],
      );
      const cells = new Map([[key, { ...chosen, vector: shown?.vector ?? chosen.vector }]]);
      return { writes: new Map(), cells, answer: () => undefined };
    },
  });
}

function conflictOf(
  needs: PromotingNeeds,
  { writer }: Promotion,
  { key, ours, theirs }: { readonly key: string; readonly ours: Cell; readonly theirs: Cell },
): FoundConflict {
  return {
    key,
    reason: 'both wrote it without having seen the other',
    ours: sideOf(needs, ours.by, ours),
    theirs: sideOf(needs, writer, theirs),
  };
}

function sideOf({ signer, mirrors }: PromotingNeeds, author: ClusterId, cell: Cell): ConflictSide {
  const known = mirrors.all().find(({ owner }) => owner === author)?.ownerName;
  return {
    author: author === signer.cluster ? signer.name : (known ?? author.slice(0, 8)),
    writtenMs: cell.at[0],
    shown: shownValue(cell),
    version: `${cell.at.join('.')}@${cell.by}`,
  };
}

function shownValue({ value, deleted }: Cell): string {
  if (deleted) {
    return 'deleted';
  }
  try {
    return fromUtf8(value).slice(0, conflictShownMax);
  } catch {
    return `${value.length} bytes`;
  }
}
