// git's credential helper protocol (gitcredentials(7), git-credential(1)): git asks on stdin in lines of
// `key=value`; for an address that is a known cluster's API it gets the owner token, for others nothing.
import { readApi, readContexts, readOwnerToken, resolveContext, type Home } from './contexts.ts';

const inputBytesMax = 16_384; // git's questions are a few hundred bytes

export async function answerGit(home: Home, operation: string): Promise<number> {
  const asked = parseQuestion(await readInput());
  if (operation !== 'get' || asked.get('protocol') !== 'http') {
    return 0; // nothing is stored or erased: the token has its file
  }
  const { contexts } = await readContexts(home);
  for (const name of Object.keys(contexts)) {
    const { data } = await resolveContext(home, name);
    const api = await readApi(data).catch(() => undefined);
    if (api !== undefined && new URL(api.url).host === asked.get('host')) {
      process.stdout.write(`username=hansa\npassword=${await readOwnerToken(data)}\n`);
      return 0;
    }
  }
  return 0;
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
