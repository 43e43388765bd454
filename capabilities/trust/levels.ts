// How clusters are judged, and kept so: what links ask at the door, and policy with every decision.
import {
  HansaError,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyValueStore,
} from '@hansa/foundation';
import type { TrustLevel } from '../policies/contract.ts';
import { createBoundedRows } from './bounded-rows.ts';
import { blockedMax, trustedMax, type TrustLevels } from './contract.ts';
import { judgementSchema, type JudgementRecord } from './keys.ts';

export interface LevelsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
}

export interface Levels {
  readonly levels: TrustLevels;
  all(): readonly JudgementRecord[];
  find(cluster: ClusterId): JudgementRecord | undefined;
  /** One level at a time: trusting ends a block and the other way round. TRUST_FULL. */
  set(cluster: ClusterId, level: TrustLevel, note: string | undefined): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

const most: Readonly<Record<JudgementRecord['level'], number>> = {
  trusted: trustedMax,
  blocked: blockedMax,
};

export function createLevels({ store, codec, clock }: LevelsNeeds): Levels {
  const rows = createBoundedRows({ store, codec, name: 'judgement', schema: judgementSchema });
  const judged = (): readonly ClusterId[] => rows.all().map(({ cluster }) => cluster);
  return {
    all: rows.all,
    find: rows.find,
    levels: {
      level: (cluster) => rows.find(cluster)?.level ?? 'public',
      judged,
      get generation() {
        return rows.generation;
      },
      subscribe: (changed) =>
        rows.subscribe((cluster) => {
          // After a list was read anew, any of them may be another than before.
          (cluster === undefined ? judged() : [cluster]).forEach((each) => changed(each));
        }),
    },
    set: (cluster, level, note) =>
      rows.change((held) => {
        const before = held.find((each) => each.cluster === cluster);
        if (level === 'public') {
          return { put: [], drop: before === undefined ? [] : [cluster] };
        }
        requireRoom(held, cluster, level);
        const same = before?.level === level ? before : undefined;
        const sinceMs = same?.sinceMs ?? clock.now();
        const kept = { cluster, level, note: note ?? same?.note ?? '', sinceMs };
        return { put: [kept], drop: [] };
      }),
    start: (signal) => rows.start(signal, clock),
  };
}

function requireRoom(
  held: readonly JudgementRecord[],
  cluster: ClusterId,
  level: JudgementRecord['level'],
): void {
  const others = held.filter((each) => each.level === level && each.cluster !== cluster);
  if (others.length >= most[level]) {
    throw new HansaError(
      'TRUST_FULL',
      `${most[level]} clusters are ${level}, the most there may be`,
      {
        fix: 'hansa trust list; take one off with: hansa trust set <peer> public',
      },
    );
  }
}
