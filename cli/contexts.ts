// Which clusters this user knows: names for data folders of this machine and for addresses of other
// machines, in one small file that commands and `up` share.
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { HansaError } from '@hansa/foundation';
import { z } from 'zod';
import { dropSession } from './kept-sessions.ts';
import { tlsFilesSchema, type TlsFiles } from './remote-contexts.ts';

/** The folder that holds contexts.json; absolute. */
export type Home = string & { readonly brand: 'Home' };

export interface Contexts {
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, Place>>;
}

/** The data folder, relative to the home folder where it lies below it; or where a node answers. */
export type Place =
  | { readonly data: string }
  | { readonly url: string; readonly tls?: TlsFiles | undefined };

export interface Api {
  readonly url: string;
  readonly socketPath?: string | undefined;
  readonly pid: number;
  /** Of a node that is one of several. */
  readonly node?: string | undefined;
}

/** A cluster whose node runs on this machine. */
export interface LocalContext {
  readonly name: string;
  /** Absolute. */
  readonly data: string;
}

/** One that is asked at its address, as somebody who has logged in or has a certificate there. */
export interface RemoteContext {
  readonly name: string;
  readonly url: string;
  readonly tls?: TlsFiles | undefined;
}

export type Context = LocalContext | RemoteContext;

const contextsFile = 'contexts.json';
const lockRetryMs = 10; // the work under the lock is over in less
const lockStaleMs = 5_000; // the work under the lock takes milliseconds
const contextsSchema: z.ZodType<Contexts> = z.object({
  current: z.string().optional(),
  contexts: z.record(
    z.string(),
    z.union([
      z.object({ data: z.string().min(1) }),
      z.object({ url: z.url(), tls: tlsFilesSchema.optional() }),
    ]),
  ),
});
const apiSchema: z.ZodType<Api> = z.object({
  url: z.url(),
  socketPath: z.string().optional(),
  pid: z.number().int().positive(),
  node: z.string().optional(),
});

/**
 * `HANSA_HOME`; else the nearest `.hansa` upwards that knows contexts; else the nearest above this
 * program, which is that of its checkout; else `~/.hansa`.
 */
export function findHome(environment: NodeJS.ProcessEnv, from: string): Home {
  const given = environment['HANSA_HOME'];
  if (given !== undefined && given !== '') {
    return resolve(given) as Home;
  }
  const program = dirname(fileURLToPath(import.meta.url));
  for (const folder of [...upwards(from), ...upwards(program)]) {
    const home = join(folder, '.hansa');
    if (existsSync(join(home, contextsFile))) {
      return home as Home;
    }
  }
  return join(homedir(), '.hansa') as Home;
}

function* upwards(from: string): Iterable<string> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    yield folder;
    if (dirname(folder) === folder) {
      return;
    }
  }
}

export function defaultDataFolder(home: Home, name: string): string {
  return join(home, 'clusters', name);
}

export async function readContexts(home: Home): Promise<Contexts> {
  const path = join(home, contextsFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw new HansaError('CONFIG_INVALID', `${path} cannot be read: ${error.code ?? ''}`);
  });
  if (text === undefined) {
    return { contexts: {} };
  }
  try {
    return contextsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new HansaError('CONFIG_INVALID', `${path} is damaged`, {
      cause,
      fix: 'mend or delete it; "hansa up" writes it again',
    });
  }
}

/** Whole or not at all. */
async function writeContexts(home: Home, contexts: Contexts): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const path = join(home, contextsFile);
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(contexts, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** Adds a context; the first one becomes the current. */
export async function rememberContext(home: Home, context: Context): Promise<void> {
  const place = placeOf(home, context);
  await changeContexts(home, async (known) => {
    const before = known.contexts[context.name];
    if (isDeepStrictEqual(before, place)) {
      return known;
    }
    if (before === undefined || whereOf(before) !== whereOf(place)) {
      await dropSession(home, context.name);
    }
    return {
      current: known.current ?? context.name,
      contexts: { ...known.contexts, [context.name]: place },
    };
  });
}

/** A session is of one node: under the same name, another one is never shown it. */
function whereOf(place: Place): string {
  return 'url' in place ? new URL(place.url).host : place.data;
}

function placeOf(home: Home, context: Context): Place {
  if ('data' in context) {
    return { data: belowHome(home, context.data) };
  }
  const { url, tls } = context;
  return tls === undefined ? { url } : { url, tls };
}

function belowHome(home: Home, data: string): string {
  const below = relative(home, data);
  return below.startsWith('..') || isAbsolute(below) ? data : below;
}

export async function useContext(home: Home, name: string): Promise<Context> {
  const context = await resolveContext(home, name);
  await changeContexts(home, (known) => ({ ...known, current: name }));
  return context;
}

/** The name alone: what lies in the data folder stays, and a node that runs there runs on. */
export async function forgetContext(home: Home, name: string): Promise<Context> {
  const context = await resolveContext(home, name);
  await changeContexts(home, async ({ current, contexts }) => {
    await dropSession(home, name);
    return {
      ...(current === name ? {} : { current }),
      contexts: Object.fromEntries(Object.entries(contexts).filter(([known]) => known !== name)),
    };
  });
  return context;
}

/** One process at a time: clusters that start together each add their line. */
async function changeContexts(
  home: Home,
  change: (known: Contexts) => Contexts | Promise<Contexts>,
): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const lock = join(home, 'contexts.lock');
  await takeLock(lock);
  try {
    const known = await readContexts(home);
    const changed = await change(known);
    if (changed !== known) {
      await writeContexts(home, changed);
    }
  } finally {
    await rm(lock, { force: true });
  }
}

/** A lock older than any honest holder's work was left by a killed one. */
async function takeLock(path: string): Promise<void> {
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw error;
      }
    }
    const held = await stat(path).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > lockStaleMs) {
      await rm(path, { force: true });
    } else {
      await new Promise((later) => {
        setTimeout(later, lockRetryMs);
      });
    }
  }
}

/** The named context, or the current one, or the only one; CONTEXT_NOT_FOUND. */
export async function resolveContext(home: Home, name: string | undefined): Promise<Context> {
  const { current, contexts } = await readContexts(home);
  const names = Object.keys(contexts);
  const wanted = name ?? current ?? (names.length === 1 ? names[0] : undefined);
  // Own names only: "constructor" is in every object.
  const found =
    wanted !== undefined && Object.hasOwn(contexts, wanted) ? contexts[wanted] : undefined;
  if (wanted === undefined || found === undefined) {
    throw noContext(home, names, wanted);
  }
  return 'url' in found ? { name: wanted, ...found } : localContext(home, wanted, found.data);
}

function localContext(home: Home, name: string, data: string): LocalContext {
  return { name, data: resolve(home, data) };
}

function noContext(home: Home, names: readonly string[], wanted: string | undefined): HansaError {
  const unnamed =
    names.length === 0 ? 'no cluster is known here yet' : 'no cluster is chosen as the current one';
  const sentence = wanted === undefined ? unnamed : `there is no context "${wanted}"`;
  const choose = wanted === undefined ? 'choose one with hansa context use <name>; ' : '';
  return new HansaError('CONTEXT_NOT_FOUND', `${sentence} (looked in ${home})`, {
    fix: names.length === 0 ? 'start one: hansa up' : `${choose}known: ${names.join(', ')}`,
  });
}

/** NODE_UNREACHABLE where no node has written it: none runs. */
export async function readApi(data: string): Promise<Api> {
  try {
    const api = apiSchema.parse(JSON.parse(await readFile(join(data, 'api.json'), 'utf8')));
    const { socketPath, ...rest } = api;
    // Below a very deep data folder a node has no socket: the system would cut its path off.
    return socketPath !== undefined && existsSync(socketPath) ? api : rest;
  } catch (cause) {
    throw new HansaError('NODE_UNREACHABLE', `no node runs on ${data}`, {
      cause,
      fix: `start it: hansa up --data ${data}`,
    });
  }
}

export async function readOwnerToken(data: string): Promise<string> {
  const path = join(data, 'owner.token');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new HansaError('UNAUTHENTICATED', `the owner token ${path} cannot be read`, {
      cause,
      fix: 'run the command as the user who runs the node',
    });
  }
}
