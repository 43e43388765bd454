// Opens the front of the API: on the port that was chosen once, and on a unix socket in the data
// folder; and writes down where that is, for commands on this machine.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isHansaError, type NodeId } from '@hansa/foundation';
import type { Opening } from './opening.ts';
import { openFront, urlOf, type Front } from './front.ts';
import { socketPathBytesMax } from './http-listen.ts';
import { writeSecret } from './key-folder.ts';
import { readPorts, rememberPorts } from './ports.ts';

/**
 * With the node's id where it is one of several. A remembered port that somebody else took
 * meanwhile is given up; a configured one is an error.
 */
export async function openApiFront(
  { config, clock, undo }: Opening,
  node?: NodeId,
): Promise<{ readonly front: Front; readonly url: string }> {
  const { data, apiHost: host, apiPort, signals } = config;
  const path = join(data, 'api.sock');
  const socket = Buffer.byteLength(path) <= socketPathBytesMax ? { socketPath: path } : {};
  const open = (port: number): Promise<Front> =>
    openFront({ listen: { host, port }, clock, signals, ...socket });
  const remembered = (await readPorts(data)).api ?? 0;
  const front =
    apiPort !== 0
      ? await open(apiPort)
      : await open(remembered).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN') && remembered !== 0) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => front.shut());
  const url = urlOf(config, front.address);
  await rememberPorts(data, { api: front.address.port });
  const apiFile = join(data, 'api.json');
  const facts = { url, ...socket, signals: signalsUrl(config, front), pid: process.pid, node };
  await writeSecret(apiFile, `${JSON.stringify(facts)}\n`);
  undo.push(() => rm(apiFile, { force: true }));
  return { front, url };
}

/** Undefined where no signals are listened for. */
export function signalsUrl({ signals }: Opening['config'], front: Front): string | undefined {
  if (signals === undefined || front.signals === undefined) {
    return undefined;
  }
  return urlOf(signals, front.signals).replace('http', 'ws');
}
