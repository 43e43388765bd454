// `hansa down`: stops the node of a context. What a node of several is asked over its API, the
// active one answers: so that the one meant is the one that stops, it is told by a signal.
import { daemonContract } from '@hansa/capabilities/daemon/contract';
import { HansaError, remote } from '@hansa/foundation';
import { createContextCarrier } from './context-carrier.ts';
import { readApi, resolveContext } from './contexts.ts';
import type { LocalCommand, LocalContext } from './local-commands.ts';

const down: LocalCommand = {
  local: true,
  noun: 'down',
  summary: 'Stop the node in order; what it answered is kept.',
  examples: ['hansa down'],
  async run(context) {
    const pid = (await signalled(context)) ?? (await asked(context));
    const { context: name } = context;
    return {
      data: { pid },
      view: { kind: 'text', text: `The node (pid ${pid}) is stopping.` },
      next: [name === undefined ? 'hansa up' : `hansa --context ${name} up`],
    };
  },
};

/** Undefined where it is the only node of its cluster, or runs on another machine. */
async function signalled({ home, context }: LocalContext): Promise<number | undefined> {
  const found = await resolveContext(home, context);
  if ('url' in found) {
    return undefined;
  }
  const { pid, node } = await readApi(found.data).catch(() => ({ pid: 0, node: undefined }));
  if (node === undefined) {
    return undefined;
  }
  try {
    process.kill(pid, 'SIGTERM');
    return pid;
  } catch (cause) {
    throw new HansaError('NODE_UNREACHABLE', `no node runs on ${found.data}`, { cause });
  }
}

async function asked({ home, context }: LocalContext): Promise<number> {
  const carrier = createContextCarrier(() => ({ home, context, timeout: undefined }));
  return (await remote(daemonContract, carrier).stop({})).pid;
}

export const downCommands: readonly LocalCommand[] = [down];
