// Starts a node on real disks and sockets, and stops it in the reverse order. What federation needs
// and cannot have is logged and shown; local service runs without it.
import { createJsonLog, createSystemClock, createSystemRandom } from '@hansa/system-node';
import type { Config } from './config.ts';
import type { Opening } from './opening.ts';
import { openApiFront } from './api-front.ts';
import { openOwnGround } from './ground.ts';
import { startMember } from './member.ts';
import { runCluster } from './run-cluster.ts';
import type { RunningNode } from './running-node.ts';
import { undoAll } from './undoing.ts';

/** With the signal's reason where it is aborted on the way; then nothing is left running. */
export async function startNode(
  config: Config,
  writeLog: (line: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<RunningNode> {
  const clock = createSystemClock();
  const random = createSystemRandom();
  const log = createJsonLog({ write: writeLog, clock, level: config.logLevel });
  const base: Opening = { config, clock, random, log, undo: [], signal };
  try {
    return config.store.kind === 'lmdb' ? await startLone(base) : await startMember(base);
  } catch (error) {
    await undoAll(base);
    throw error;
  }
}

/** The one node of a cluster whose store lies in its data folder. */
async function startLone(base: Opening): Promise<RunningNode> {
  const { name } = base.config;
  const ground = await openOwnGround(base);
  const { front, url } = await openApiFront(base);
  const cluster = await runCluster(base, { ground, front });
  return { ...cluster, name, context: name, url, standsBy: false, stop: () => undoAll(base) };
}
