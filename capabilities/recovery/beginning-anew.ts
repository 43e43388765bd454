// What a restored cluster does before it tells others of its resources: nothing of them is signed
// until every linked peer has said what it holds of them, or a person does not want to wait. Those
// of which a peer holds more are for a person to decide on; all others go on in new epochs, since
// nobody knows who else has seen what was written after the backup. Its own people are served
// meanwhile, and what they write comes along.
import {
  HansaError,
  momentText,
  watchedTable,
  type Clock,
  type Codec,
  type LocalId,
  type WatchedTable,
} from '@hansa/foundation';
import type { GuardedAct } from '../resources/contract.ts';
import type { AwaitedPeers } from './contract.ts';
import type { Finding, FindingNeeds } from './finding.ts';
import { restoredTable, type RestoredRow } from './keys.ts';

const author = 'recovery';
const lookEveryMs = 5_000; // a link that was closed is no more waited for; beats wake it at once

export interface BeginningAnew {
  start(signal: AbortSignal): Promise<void>;
  /** Why nothing of the resource is signed now. */
  refusal(id: LocalId, act: GuardedAct): HansaError | undefined;
  /** Who has not spoken yet; undefined where nothing is waited for. */
  awaited(): AwaitedPeers | undefined;
  /** Something has happened that may end the waiting. */
  look(): void;
  /** A person does not want to wait for those who have not spoken. */
  goOn(): void;
  /** Waits, begins anew, and ends; at once where nothing was restored. */
  run(signal: AbortSignal): Promise<void>;
}

export function createBeginningAnew(
  needs: FindingNeeds & { readonly codec: Codec },
  finding: () => Finding,
): BeginningAnew {
  const table = restoredTable(needs.store, needs.codec);
  const restored = watchedTable(needs.store, table);
  let wanted = false;
  let wake = (): void => undefined;
  const awaited = (): AwaitedPeers | undefined => {
    const row = rowOf(restored);
    return row === undefined
      ? undefined
      : { ...row, peers: wanted ? [] : silentPeers(needs, finding()) };
  };
  return {
    start: (signal) => restored.start(signal, needs.clock),
    awaited,
    refusal(id, act) {
      const row = act === 'sign' ? rowOf(restored) : undefined;
      return row === undefined ? undefined : heldError(id, row);
    },
    look: () => wake(),
    goOn() {
      wanted = true;
      wake();
    },
    async run(signal) {
      while (awaited() !== undefined) {
        if (awaited()?.peers.length === 0) {
          await beginAll(needs, signal);
          const { revision } = await needs.store.delete(table.key());
          await restored.reached(revision);
          needs.log.event('recovery.begun-anew', {});
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          sleep(needs.clock, signal).then(resolve, resolve);
        });
        signal.throwIfAborted();
      }
    },
  };
}

function sleep(clock: Clock, signal: AbortSignal): Promise<void> {
  return clock.sleep(lookEveryMs, signal);
}

function rowOf(restored: WatchedTable<RestoredRow>): RestoredRow | undefined {
  return restored.find()?.value;
}

function silentPeers({ peers }: FindingNeeds, finding: Finding): readonly string[] {
  return peers
    .all()
    .filter(({ active, cluster }) => active && !finding.looked(cluster))
    .map(({ name, cluster }) => name ?? cluster.slice(0, 8));
}

async function beginAll({ resources, rewound }: FindingNeeds, signal: AbortSignal): Promise<void> {
  for (const { id } of resources.all()) {
    signal.throwIfAborted();
    if (rewound.find(id) === undefined) {
      await resources.renew(id, { above: 0, author });
    }
  }
}

function heldError(id: LocalId, { backupMs }: RestoredRow): HansaError {
  const sentence =
    `${id} was restored from a backup of ${momentText(backupMs)}: ` +
    'nothing of it is signed until every linked peer has said what it holds';
  return new HansaError('RESOURCE_REWOUND', sentence, {
    fix: 'hansa recover list; to go on without those that are away: hansa recover go-on',
    facts: { resource: id },
  });
}
