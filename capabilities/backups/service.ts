// One backup at a time, which lasts as long as it takes: whoever asked for it follows, or comes
// back.
import {
  changedKeys,
  HansaError,
  type Clock,
  type Codec,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import type {
  BackupProgress,
  BackupStep,
  Backups,
  BackupSummary,
  BackupWriter,
} from './contract.ts';
import { lastBackup } from './keys.ts';

export interface BackupsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly writer: BackupWriter;
}

interface Writing {
  readonly ending: AbortController;
  step?: BackupStep;
  ended?: { readonly backup: BackupSummary } | { readonly error: unknown };
  done: Promise<void>;
}

export function createBackups(needs: BackupsNeeds): {
  readonly backups: Backups;
  stop(): Promise<void>;
} {
  const { store, clock, log, writer } = needs;
  const table = lastBackup(store, needs.codec);
  const listeners = new Set<() => void>();
  const moved = (): void => listeners.forEach((listener) => listener());
  let present: Writing | undefined;
  const write = async (writing: Writing, to: string, keys: boolean): Promise<void> => {
    try {
      const backup = await writer.write({
        to,
        keys,
        signal: writing.ending.signal,
        progress(step) {
          writing.step = step;
          moved();
        },
      });
      await store.batchWrite([table.put([], backup)]);
      writing.ended = { backup };
      const { revision, blobs, copiedBlobs } = backup;
      log.event('backup.written', { revision, blobs, copied: copiedBlobs, keys });
    } catch (error) {
      writing.ended = { error };
      log.problem('backup.failed', error, {});
    }
    moved();
  };
  return {
    async stop() {
      present?.ending.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
      await present?.done;
    },
    backups: {
      async begin({ to, keys = false }) {
        if (present !== undefined && present.ended === undefined) {
          throw new HansaError('CONFLICT', 'a backup is being written already', {
            fix: 'hansa backup status',
          });
        }
        const writing: Writing = { ending: new AbortController(), done: Promise.resolve() };
        present = writing;
        writing.done = write(writing, to, keys);
        return { startedMs: clock.now() };
      },
      follow: (_input, call) => follow(present, listeners, call?.signal),
      async status() {
        const last = (await table.get())?.value;
        const running = present !== undefined && present.ended === undefined;
        return last === undefined ? { running } : { running, last };
      },
    },
  };
}

async function* follow(
  writing: Writing | undefined,
  listeners: Set<() => void>,
  signal: AbortSignal | undefined,
): AsyncIterable<BackupProgress> {
  if (writing === undefined) {
    return;
  }
  const steps = changedKeys<'moved'>((step) => {
    const listener = (): void => step('moved');
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, signal);
  if (writing.ended === undefined) {
    for await (const _step of steps) {
      if (writing.ended !== undefined) {
        break;
      }
      if (writing.step !== undefined) {
        yield { type: 'progress', ...writing.step };
      }
    }
  }
  yield* outcomeOf(writing);
}

function* outcomeOf({ ended }: Writing): Iterable<BackupProgress> {
  if (ended !== undefined && 'error' in ended) {
    throw ended.error;
  }
  if (ended !== undefined) {
    yield { type: 'done', backup: ended.backup };
  }
}
