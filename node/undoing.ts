// What a start has done is undone in reverse, whatever fails on the way.
import type { Log } from '@hansa/foundation';

export async function undoAll({
  undo,
  log,
}: {
  readonly undo: (() => Promise<unknown>)[];
  readonly log: Log;
}): Promise<void> {
  for (const step of undo.splice(0).toReversed()) {
    await step().catch((error: unknown) => log.problem('node.stop-failed', error));
  }
}
