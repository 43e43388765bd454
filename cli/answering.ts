// One answer of a person at a terminal: Ctrl-C and Ctrl-D there leave the command, where a plain
// question would wait for ever.
import type { Interface } from 'node:readline/promises';
import { follow, HansaError } from '@hansa/foundation';

/** CANCELLED where they leave instead. */
export async function answerOf(
  lines: Interface,
  question: string,
  signal?: AbortSignal,
): Promise<string> {
  const { controller: leaving, release } = follow(signal);
  const left = new HansaError('CANCELLED', 'interrupted');
  const leave = (): void => leaving.abort(left);
  lines.once('SIGINT', leave);
  lines.once('close', leave);
  try {
    return await lines.question(question, { signal: leaving.signal });
  } catch (error) {
    throw leaving.signal.aborted ? left : error;
  } finally {
    release();
    lines.off('SIGINT', leave);
    lines.off('close', leave);
  }
}
