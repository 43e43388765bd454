// git's credential helper protocol (gitcredentials(7), git-credential(1)): git asks on stdin in
// lines of `key=value`; for an address that is a known cluster's API it gets the owner token, for
// others nothing.
import { connect } from 'node:net';
import {
  readApi,
  readContexts,
  readOwnerToken,
  resolveContext,
  type Api,
  type Home,
} from './contexts.ts';
import { readSession } from './kept-sessions.ts';

const inputBytesMax = 16_384; // git's questions are a few hundred bytes

export async function answerGit(home: Home, operation: string): Promise<number> {
  const asked = parseQuestion(await readInput());
  if (operation !== 'get' || asked.get('protocol') !== 'http') {
    return 0; // nothing is stored or erased: the token has its file
  }
  const { contexts } = await readContexts(home);
  for (const name of Object.keys(contexts)) {
    const context = await resolveContext(home, name);
    const password = 'url' in context ? undefined : await passwordFor(context.data, asked);
    if (password !== undefined) {
      const session = (await readSession(home, name))?.session;
      process.stdout.write(`username=hansa\npassword=${session ?? password}\n`);
      return 0;
    }
  }
  return 0;
}

async function passwordFor(
  data: string,
  asked: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const api = await readApi(data).catch(() => undefined);
  const asksUs = api !== undefined && new URL(api.url).host === asked.get('host');
  return asksUs && (await isAlive(api)) ? readOwnerToken(data) : undefined;
}

// After a crash the file remains and another program may have the port: git would send it the
// token. The socket is this user's alone, and a dead node's does not answer.
function isAlive({ socketPath, pid }: Api): Promise<boolean> {
  if (socketPath === undefined) {
    return Promise.resolve(runs(pid)); // a data folder too deep for a socket
  }
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0); // sends nothing, only asks
  } catch {
    return false;
  }
}

async function readInput(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const piece of process.stdin) {
    text += String(piece);
    if (text.length > inputBytesMax) {
      break;
    }
  }
  return text;
}

function parseQuestion(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const equals = line.indexOf('=');
    return equals < 1 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
  });
  return new Map(pairs);
}
