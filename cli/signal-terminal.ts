// What commands of signals are handed: sessions over real sockets, where the environment says so.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RouterDoor, SignalTerminal } from '@hansa/capabilities/signals/cli';
import { HansaError } from '@hansa/foundation';
import { lastingTerminal } from './terminal.ts';
import { readToken } from './token-commands.ts';

const urlDefault = 'ws://127.0.0.1:7330';

const loadNode = () => import('@hansa/node');

export const signalTerminal: SignalTerminal = {
  isNamed: ({ url, token }) => [url, token, environment('HANSA_SIGNAL_URL')].some(Boolean),
  async open(door, signal) {
    const { reachSignals } = await loadNode();
    return reachSignals({ ...(await readDoor(door)), signal });
  },
  async load({ near, far }, asked, signal) {
    const { loadSignals } = await loadNode();
    const doors = { near: await readDoor(near), far: await readDoor(far) };
    return loadSignals({ ...doors, signal }, asked);
  },
  print: (item, line) => lastingTerminal.print(item, line),
  mark: randomBytes(4).toString('hex'),
};

async function readDoor({ url, token, authorities }: RouterDoor): Promise<{
  url: string;
  token: string | undefined;
  authorities: string | undefined;
}> {
  return {
    url: url ?? environment('HANSA_SIGNAL_URL') ?? urlDefault,
    token: await secretOf(token, 'HANSA_SIGNAL_TOKEN'),
    authorities: authorities === undefined ? undefined : await readText(authorities),
  };
}

/** Given as it is, as `@` and a file, or by the environment, which other users do not see. */
export async function secretOf(
  given: string | undefined,
  variable: string,
): Promise<string | undefined> {
  const text = given ?? environment(variable);
  return text === undefined ? undefined : readToken(text);
}

export async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new HansaError('INPUT_INVALID', `${path} cannot be read`, { cause });
  });
}

/** One that is empty says nothing. */
function environment(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}
