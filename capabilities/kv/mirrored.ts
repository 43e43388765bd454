// Spaces as sync mirrors them: a batch is checked whole before it is applied, and told to those who
// watch after it was.
import {
  hlcAheadMaxMs,
  HansaError,
  splitFederatedId,
  type ClusterId,
  type Codec,
} from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, Mirrors } from '../sync/contract.ts';
import { decodeCell, kvKind } from './contract.ts';
import type { Feed, FeedChange, FeedEvent } from './feed.ts';
import { keyOf, settingsFrom, settingsKey } from './keys.ts';

export function createKvKind(needs: {
  readonly codec: Codec;
  readonly mirrors: Pick<Mirrors, 'find'>;
  readonly feed: Feed;
}): FederatedKind {
  const { codec, mirrors, feed } = needs;
  return {
    kind: kvKind,
    async stage({ resource }, changes) {
      const { owner } = splitFederatedId(resource);
      const read = changes.map((change) => readChange(codec, owner, change));
      return {
        async commit() {
          const last = read.at(-1);
          // A difference to the owner's entries is no history: its parts all end at the head.
          if (last !== undefined && read.some((each) => each.previous >= each.sequence)) {
            feed.begin(resource, last.sequence);
          } else {
            feed.publish(resource, read);
          }
        },
        discard: async () => undefined,
      };
    },
    async settle({ resource }) {
      const applied = mirrors.find(resource)?.applied;
      if (applied !== undefined) {
        feed.begin(resource, applied.sequence);
      }
    },
    purge: async ({ resource }) => {
      // An older epoch is purged while the next one stands here: that one's changes stay.
      if (mirrors.find(resource) === undefined) {
        feed.drop(resource);
      }
    },
  };
}

/** What happened to keys; CHANGE_INVALID where the change is none of a space. */
export function readChange(
  codec: Codec,
  owner: ClusterId,
  { sequence, change }: SequencedChange,
): FeedChange {
  const events: FeedEvent[] = [];
  for (const op of change.ops) {
    const bytes = 'delete' in op ? op.delete.key : op.put.key;
    const key = keyOf(bytes);
    if (key === undefined) {
      requireSettings(codec, op, sequence);
      continue;
    }
    if ('delete' in op) {
      events.push({ key, cell: undefined });
      continue;
    }
    if (op.put.blobs.length > 0) {
      throw breach(sequence, 'it names blobs');
    }
    const cell = decodeCell(codec, op.put.value, owner);
    if (cell.at[0] > change.hlc[0] + hlcAheadMaxMs) {
      throw breach(sequence, 'a cell is written after its change');
    }
    events.push({ key, cell: cell.deleted ? undefined : cell });
  }
  return { previous: change.previous, sequence, events };
}

function requireSettings(
  codec: Codec,
  op: SequencedChange['change']['ops'][number],
  sequence: number,
): void {
  if ('delete' in op || op.put.key.join() !== settingsKey.join()) {
    throw breach(sequence, 'it has a key that no space has');
  }
  settingsFrom(codec, op.put);
}

function breach(sequence: number, what: string): HansaError {
  return new HansaError('CHANGE_INVALID', `change ${sequence} is none of a space: ${what}`);
}
