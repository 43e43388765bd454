// A meeting at a barrier, as one look shows it, and the steps that change it. Whoever comes last
// opens it, in a transaction that finds all the others still there.
import {
  HansaError,
  type Compare,
  type Entry,
  type KeyValueStore,
  type Op,
} from '@hansa/foundation';
import { barriersMax, partiesMax } from './contract.ts';
import type { BarrierTables, MeetingRecord } from './keys.ts';

export interface Member {
  readonly participant: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly lease: string;
}

export interface Meeting {
  readonly barrier: string;
  readonly record: MeetingRecord | undefined;
  readonly modRevision: number;
  readonly members: readonly Member[];
  readonly lastGeneration: number;
  readonly generationRevision: number;
}

export interface MeetingNeeds {
  readonly store: KeyValueStore;
  readonly tables: BarrierTables;
  /** Fewer than `barriersMax`, for tests. */
  readonly barriersMax?: number | undefined;
}

export interface Coming {
  readonly participant: string;
  readonly parties: number;
  readonly ttlSeconds: number;
  readonly lease: string;
}

export async function lookAt({ store, tables }: MeetingNeeds, barrier: string): Promise<Meeting> {
  const { results } = await store.transact({
    if: [],
    then: [
      { get: { key: tables.meetings.key(barrier) } },
      { get: { key: tables.generations.key() } },
      { scan: { prefix: tables.members.prefix(barrier), limit: partiesMax } },
    ],
  });
  const [meeting, generation, ...members] = results.flatMap((result): readonly (Entry | null)[] => {
    if ('scan' in result) {
      return result.scan.entries;
    }
    return 'get' in result ? [result.get.entry] : [];
  });
  return {
    barrier,
    record: meeting ? tables.meetings.row(meeting).value : undefined,
    modRevision: meeting?.modRevision ?? 0,
    members: members.flatMap((entry) =>
      entry === null
        ? []
        : [
            {
              participant: String(tables.members.row(entry).key[1]),
              createRevision: entry.createRevision,
              modRevision: entry.modRevision,
              lease: entry.lease ?? '',
            },
          ],
    ),
    lastGeneration: generation ? tables.generations.row(generation).value.last : 0,
    generationRevision: generation?.modRevision ?? 0,
  };
}

/** Nobody is there: whoever comes begins a meeting of its own. */
export function isOver({ record, members }: Meeting): boolean {
  return record === undefined || members.length === 0;
}

function same(key: Uint8Array, operand: number): Compare {
  return { key, target: 'modRevision', op: '=', operand };
}

function memberOp(tables: BarrierTables, barrier: string, coming: Coming): Op {
  const { participant, ttlSeconds, lease } = coming;
  const op = tables.members.put([barrier, participant], { ttlSeconds });
  return 'put' in op ? { put: { ...op.put, lease } } : op;
}

/** False where something has changed meanwhile. */
export async function begin(
  needs: MeetingNeeds,
  meeting: Meeting,
  coming: Coming,
): Promise<boolean> {
  const { store, tables } = needs;
  const { barrier } = meeting;
  if (meeting.record === undefined) {
    await requireRoom(needs);
  }
  const generation = meeting.lastGeneration + 1;
  const { succeeded } = await store.transact({
    if: [
      same(tables.meetings.key(barrier), meeting.modRevision),
      same(tables.generations.key(), meeting.generationRevision),
    ],
    then: [
      tables.meetings.put([barrier], { parties: coming.parties, generation, open: false }),
      tables.generations.put([], { last: generation }),
      memberOp(tables, barrier, coming),
    ],
  });
  return succeeded;
}

/** One more is there; with the last it opens. */
export async function join(
  { store, tables }: MeetingNeeds,
  meeting: Meeting,
  coming: Coming,
): Promise<boolean> {
  const { barrier, record, members, modRevision } = meeting;
  if (record === undefined) {
    return false;
  }
  const open = members.length + 1 >= record.parties;
  const { succeeded } = await store.transact({
    if: [
      same(tables.meetings.key(barrier), modRevision),
      ...(open ? members.map((member) => present(tables, barrier, member)) : []),
    ],
    // Written also where it stays closed: so no two who come at once overlook each other.
    then: [tables.meetings.put([barrier], { ...record, open }), memberOp(tables, barrier, coming)],
  });
  return succeeded;
}

function present(tables: BarrierTables, barrier: string, member: Member): Compare {
  const key = tables.members.key(barrier, member.participant);
  return { key, target: 'createRevision', op: '=', operand: member.createRevision };
}

/** The last who leaves an open barrier takes it away. */
export async function depart(
  { store, tables }: MeetingNeeds,
  meeting: Meeting,
  participant: string,
): Promise<boolean> {
  const { barrier, modRevision, members } = meeting;
  const isLast = members.every((member) => member.participant === participant);
  const { succeeded } = await store.transact({
    if: [same(tables.meetings.key(barrier), modRevision)],
    then: [
      tables.members.delete([barrier, participant]),
      ...(isLast ? [tables.meetings.delete([barrier])] : []),
    ],
  });
  return succeeded;
}

async function requireRoom(needs: MeetingNeeds): Promise<void> {
  const { store, tables } = needs;
  const most = needs.barriersMax ?? barriersMax;
  let count = 0;
  let cursor: string | undefined;
  do {
    const options = { keysOnly: true, ...(cursor === undefined ? {} : { cursor }) };
    const page = await store.scan({ prefix: tables.meetings.prefix() }, options);
    count += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (count >= most) {
    throw new HansaError('COORDINATION_FULL', `there are ${most} barriers already`);
  }
}
