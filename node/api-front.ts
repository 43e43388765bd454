// Opens the front of the API: on the port that was chosen once, and on a unix socket in the data
// folder; and writes down where that is, for commands on this machine.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isHansaError, type NodeId } from '@hansa/foundation';
import type { SessionOptions } from './composition-needs.ts';
import type { Opening } from './opening.ts';
import { openFront, urlOf, type Front } from './front.ts';
import { socketPathBytesMax } from './http-listen.ts';
import { writeSecret } from './key-folder.ts';
import { readPorts, rememberPorts, type Ports } from './ports.ts';

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
  const remembered = await readPorts(data);
  const open = (ports: Ports): Promise<Front> => {
    const chosen = { host, port: apiPort === 0 ? (ports.api ?? 0) : apiPort };
    const places = {
      listen: chosen,
      signals: signals && {
        ...signals,
        port: signals.port === 0 ? (ports.signals ?? 0) : signals.port,
      },
    };
    return openFront({ ...places, clock, ...socket });
  };
  const front = await open(remembered)
    .catch(orElse(() => open({ api: remembered.api })))
    .catch(orElse(() => open({})));
  undo.push(() => front.shut());
  const url = urlOf(config, front.address);
  await rememberPorts(data, { api: front.address.port, signals: front.signals?.port });
  const apiFile = join(data, 'api.json');
  const facts = { url, ...socket, signals: signalsUrl(config, front), pid: process.pid, node };
  await writeSecret(apiFile, `${JSON.stringify(facts)}\n`);
  undo.push(() => rm(apiFile, { force: true }));
  return { front, url };
}

function orElse(open: () => Promise<Front>): (error: unknown) => Promise<Front> {
  return (error) => {
    if (isHansaError(error, 'PORT_TAKEN')) {
      return open();
    }
    throw error;
  };
}

export function sessionOptions(config: Opening['config'], front: Front): SessionOptions {
  return { url: signalsUrl(config, front), messagesPerSecondMax: config.signalsRateLimit };
}

/** Undefined where no signals are listened for. */
function signalsUrl({ signals }: Opening['config'], front: Front): string | undefined {
  if (signals === undefined || front.signals === undefined) {
    return undefined;
  }
  return urlOf(signals, front.signals).replace('http', 'ws');
}
