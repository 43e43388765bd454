// Calls to the node of a context. Where it does not answer, the command that starts this very
// cluster is the fix.
import { createHttpCarrier, type ClientTls } from '@hansa/client';
import { HansaError, isHansaError, type Carrier } from '@hansa/foundation';
import { readApi, readOwnerToken, resolveContext, type Context, type Home } from './contexts.ts';
import { readSession } from './kept-sessions.ts';
import { freshTls } from './remote-contexts.ts';

export interface ContextCarrierNeeds {
  readonly home: Home;
  /** The chosen one where it is undefined. */
  readonly context: string | undefined;
  /** In seconds, as it was typed. */
  readonly timeout: string | undefined;
}

interface Connected {
  readonly name: string;
  readonly carrier: Carrier;
}

/**
 * The context is looked up when the first call is made: a wrong option is told before a missing
 * node.
 */
export function createContextCarrier(needs: () => ContextCarrierNeeds): Carrier {
  let made: Promise<Connected> | undefined;
  // What could not be made is made again when it is asked for again: a node may come back.
  const connected = (): Promise<Connected> =>
    (made ??= connect(needs()).catch((error: unknown) => {
      made = undefined;
      throw error;
    }));
  const failed = (error: unknown, name: string): unknown => {
    made = isHansaError(error, 'NODE_UNREACHABLE') ? undefined : made;
    return withItsStart(error, name);
  };
  return {
    async call(...given) {
      const { name, carrier } = await connected();
      try {
        return await carrier.call(...given);
      } catch (error) {
        throw failed(error, name);
      }
    },
    async *watch(...given) {
      const { name, carrier } = await connected();
      try {
        yield* carrier.watch(...given);
      } catch (error) {
        throw failed(error, name);
      }
    },
  };
}

async function connect({ home, context, timeout }: ContextCarrierNeeds): Promise<Connected> {
  const found = await resolveContext(home, context);
  const { name } = found;
  const kept = await readSession(home, name);
  if ('url' in found && kept === undefined && found.tls === undefined) {
    throw new HansaError('UNAUTHENTICATED', `nobody has logged in at ${found.url} from here`, {
      fix: `hansa --context ${name} login --user <name>`,
    });
  }
  const { where, owner } = await reach(found).catch((error: unknown) => {
    throw withItsStart(error, name);
  });
  const token = kept?.session ?? (await owner());
  const given = token === undefined ? {} : { token };
  return { name, carrier: createHttpCarrier({ ...where, ...given, ...timeoutOf(timeout) }) };
}

export interface Reached {
  readonly where:
    | { readonly url: string; readonly tls?: ClientTls }
    | { readonly socketPath: string };
  /** What whoever runs the node has. */
  readonly owner: () => Promise<string | undefined>;
}

/** NODE_UNREACHABLE where no node runs there. */
export async function reach(context: Context): Promise<Reached> {
  if ('url' in context) {
    const { url, tls } = context;
    const where = tls === undefined ? { url } : { url, tls: await freshTls(url, tls) };
    return { where, owner: async () => undefined };
  }
  const { url, socketPath } = await readApi(context.data);
  // Only this user can listen on the socket: after a crash another program may have the port, and
  // would be sent the token.
  const where = socketPath === undefined ? { url } : { socketPath };
  return { where, owner: () => readOwnerToken(context.data) };
}

/** Told by this side alone: of a node that another one could not reach, we start nothing. */
function withItsStart(error: unknown, name: string): unknown {
  if (!isHansaError(error, 'NODE_UNREACHABLE') || error.reportedBy !== undefined) {
    return error;
  }
  const { message, cause, facts } = error;
  const fix = `start it: hansa --context ${name} up`;
  return new HansaError('NODE_UNREACHABLE', message, { cause, facts, fix });
}

function timeoutOf(text: string | undefined): { timeoutMs?: number } {
  if (text === undefined) {
    return {};
  }
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 86_400)) {
    throw new HansaError('USAGE', `--timeout is a number of seconds, not "${text}"`);
  }
  return { timeoutMs: Math.round(seconds * 1_000) };
}
