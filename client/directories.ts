// Directories of keys: paths of names, each with a short prefix of its own in a space, so that a
// path may be long, and may be moved, while its keys stay short and where they are. Everything of
// it lies in the space itself and changes by transactions: as many programs as like use it at once.
import {
  createMutex,
  fromHex,
  HansaError,
  packTuple,
  toHex,
  utf8,
  type Mutex,
} from '@hansa/foundation';
import { entriesBetween, type KeySpace, type SpaceOp } from './key-space.ts';
import { createSubspace, type Subspace } from './subspace.ts';

export const directoryDepthMax = 16; // a transaction asks about every name on two paths
export const directoryNameBytesMax = 128; // with its parent's prefix far below the longest key
const attemptsMax = 64; // every lost one is another program's success
const deletedAtOnce = 64; // operations of one transaction

// No tuple begins with this byte: what is told of directories is never among their keys.
const toldOf: Subspace = createSubspace(Uint8Array.of(0xfe));
const nextKey = toldOf.key('next');
const names = toldOf.within('name');
const removed = toldOf.within('removed');

export interface Directory {
  readonly path: readonly string[];
  /** What it is for, by whoever made it; empty where nobody said. */
  readonly layer: string;
  /** Where its keys lie. */
  readonly keys: Subspace;
}

export type DirectoryPath = readonly string[];

export interface Directories {
  /** KEY_DIRECTORY_EXISTS. Directories above it are made with it. */
  create(path: DirectoryPath, options?: { layer?: string | undefined }): Promise<Directory>;
  /** KEY_DIRECTORY_NOT_FOUND; CONFLICT where it is there for another layer. */
  open(path: DirectoryPath, options?: { layer?: string | undefined }): Promise<Directory>;
  createOrOpen(path: DirectoryPath, options?: { layer?: string | undefined }): Promise<Directory>;
  exists(path: DirectoryPath): Promise<boolean>;
  /** In the order of their names; of the whole space, where no path is given. */
  list(path?: DirectoryPath): Promise<readonly Directory[]>;
  /** With everything in it, at once: no key of it changes. */
  move(from: DirectoryPath, to: DirectoryPath): Promise<Directory>;
  /** Gone at once; what was in it is deleted before it resolves, or by the next removal. */
  remove(path: DirectoryPath): Promise<{ readonly keys: number }>;
}

interface Parts {
  readonly kv: KeySpace;
  readonly space: string;
  /** One program's changes come one after the other: of many at once, all but one would be lost. */
  readonly turns: Mutex;
}

/** Of a space in which nothing else has keys. */
export function createDirectories(kv: KeySpace, space: string): Directories {
  const parts: Parts = { kv, space, turns: createMutex() };
  const open = (path: DirectoryPath, layer: string | undefined): Promise<Directory> =>
    openAt(parts, path, layer);
  return {
    create: (path, { layer } = {}) => createAt(parts, { path, layer, exclusive: true }),
    open: (path, { layer } = {}) => open(path, layer),
    createOrOpen: (path, { layer } = {}) => createAt(parts, { path, layer, exclusive: false }),
    async exists(path) {
      return (await walk(parts, checkedPath(path))).missing.length === 0;
    },
    list: (path = []) => listAt(parts, path),
    move: (from, to) => moveTo(parts, from, to),
    remove: (path) => removeAt(parts, path),
  };
}

// ---- paths ----

/** What the space has for one name: its key and value there, and what they say. */
interface Step {
  readonly key: string;
  readonly text: string;
  readonly prefix: Uint8Array;
  readonly layer: string;
}

interface Walked {
  readonly steps: readonly Step[];
  /** Names behind the last step that are not there. */
  readonly missing: readonly string[];
}

function checkedPath(path: DirectoryPath): DirectoryPath {
  if (path.length === 0 || path.length > directoryDepthMax) {
    throw new HansaError('INPUT_INVALID', `a path has 1 to ${directoryDepthMax} names`);
  }
  for (const name of path) {
    const bytes = utf8(name).length;
    if (bytes === 0 || bytes > directoryNameBytesMax) {
      throw new HansaError(
        'INPUT_INVALID',
        `the name of a directory has 1 to ${directoryNameBytesMax} bytes, not ${bytes}`,
      );
    }
  }
  return path;
}

/** Nothing but the prefix of what it is in: so a directory moves with everything in it. */
function nameKey(parent: Uint8Array, name: string): string {
  return names.key(parent, name);
}

async function walk({ kv, space }: Parts, path: DirectoryPath): Promise<Walked> {
  const steps: Step[] = [];
  for (const [depth, name] of path.entries()) {
    const key = nameKey(steps.at(-1)?.prefix ?? rootPrefix, name);
    const { entries } = await kv.batchRead({ space, keys: [key] });
    const text = entries[0]?.text;
    if (text === undefined) {
      return { steps, missing: path.slice(depth) };
    }
    steps.push({ key, text, ...readTold(text) });
  }
  return { steps, missing: [] };
}

const rootPrefix = new Uint8Array(0);

function tell(prefix: Uint8Array, layer: string): string {
  return JSON.stringify({ prefix: toHex(prefix), layer });
}

function readTold(text: string): Pick<Step, 'prefix' | 'layer'> {
  try {
    const { prefix, layer } = JSON.parse(text) as Record<string, unknown>;
    if (typeof prefix === 'string' && typeof layer === 'string') {
      return { prefix: fromHex(prefix), layer };
    }
  } catch {
    // Told below.
  }
  throw new HansaError('STORE_DAMAGED', 'what the space has for a directory is none');
}

/** Nothing on the way was moved or removed since it was walked: values say which it was. */
function unchanged(steps: readonly Step[]): { key: string; value: { text: string } }[] {
  return steps.map(({ key, text }) => ({ key, value: { text } }));
}

function shown(path: DirectoryPath): string {
  return path.join('/');
}

function notFound(path: DirectoryPath): HansaError {
  return new HansaError('KEY_DIRECTORY_NOT_FOUND', `there is no directory ${shown(path)}`);
}

function requireLayer(path: DirectoryPath, found: string, wanted: string | undefined): void {
  if (wanted !== undefined && wanted !== found) {
    throw new HansaError('CONFLICT', `${shown(path)} is for "${found}", not for "${wanted}"`);
  }
}

function directoryAt(
  path: DirectoryPath,
  { prefix, layer }: Omit<Step, 'key' | 'text'>,
): Directory {
  return { path, layer, keys: createSubspace(prefix) };
}

// ---- what is done to them ----

/** Until nobody else was faster. */
function decided<T>({ turns }: Parts, attempt: () => Promise<T | undefined>): Promise<T> {
  return turns.run(async () => {
    for (let n = 0; n < attemptsMax; n += 1) {
      const done = await attempt();
      if (done !== undefined) {
        return done;
      }
    }
    throw new HansaError('CONFLICT', 'too many change these directories at the same time');
  });
}

async function openAt(
  parts: Parts,
  path: DirectoryPath,
  layer: string | undefined,
): Promise<Directory> {
  const { steps, missing } = await walk(parts, checkedPath(path));
  const last = steps.at(-1);
  if (last === undefined || missing.length > 0) {
    throw notFound(path);
  }
  requireLayer(path, last.layer, layer);
  return directoryAt(path, last);
}

async function createAt(
  parts: Parts,
  asked: {
    readonly path: DirectoryPath;
    readonly layer: string | undefined;
    readonly exclusive: boolean;
  },
): Promise<Directory> {
  const { kv, space } = parts;
  const { path, layer, exclusive } = asked;
  checkedPath(path);
  return decided(parts, async () => {
    const { steps, missing } = await walk(parts, path);
    const last = steps.at(-1);
    if (last !== undefined && missing.length === 0) {
      if (exclusive) {
        throw new HansaError('KEY_DIRECTORY_EXISTS', `there is a directory ${shown(path)}`);
      }
      requireLayer(path, last.layer, layer);
      return directoryAt(path, last);
    }
    const counted = await readNext(parts);
    const puts: { put: { key: string; text: string } }[] = [];
    let prefix = last?.prefix ?? rootPrefix;
    missing.forEach((name, index) => {
      const key = nameKey(prefix, name);
      // A number that nothing else ever had: what is removed leaves no keys to whoever comes next.
      prefix = packTuple([counted.next + index]);
      const isLast = index === missing.length - 1;
      puts.push({ put: { key, text: tell(prefix, isLast ? (layer ?? '') : '') } });
    });
    const { succeeded } = await kv.transact({
      space,
      if: [
        ...unchanged(steps),
        counted.condition,
        ...puts.map(({ put }) => ({ key: put.key, present: false })),
      ],
      then: [{ put: { key: nextKey, text: String(counted.next + missing.length) } }, ...puts],
    });
    return succeeded ? directoryAt(path, { prefix, layer: layer ?? '' }) : undefined;
  });
}

interface Counted {
  readonly next: number;
  readonly condition:
    | { readonly key: string; readonly present: boolean }
    | { readonly key: string; readonly value: { readonly text: string } };
}

/** Numbers begin above 0, so that no prefix is that of another one. */
async function readNext({ kv, space }: Parts): Promise<Counted> {
  const { entries } = await kv.batchRead({ space, keys: [nextKey] });
  const text = entries[0]?.text;
  if (text === undefined) {
    return { next: 1, condition: { key: nextKey, present: false } };
  }
  const next = Number(text);
  if (!Number.isSafeInteger(next) || next < 1) {
    throw new HansaError('STORE_DAMAGED', 'the number of the next directory is none');
  }
  return { next, condition: { key: nextKey, value: { text } } };
}

async function listAt(parts: Parts, path: DirectoryPath): Promise<readonly Directory[]> {
  const above = path.length === 0 ? rootPrefix : (await openAt(parts, path, undefined)).keys.prefix;
  const found: Directory[] = [];
  for await (const { key, text } of entriesBetween(parts.kv, {
    space: parts.space,
    ...names.bounds(above),
  })) {
    const name = names.parts(key).at(-1);
    if (typeof name === 'string' && text !== undefined) {
      found.push(directoryAt([...path, name], readTold(text)));
    }
  }
  return found;
}

async function moveTo(parts: Parts, from: DirectoryPath, to: DirectoryPath): Promise<Directory> {
  const { kv, space } = parts;
  checkedPath(from);
  checkedPath(to);
  if (from.every((name, depth) => to[depth] === name)) {
    throw new HansaError('INPUT_INVALID', `${shown(from)} cannot be moved into itself`);
  }
  return decided(parts, async () => {
    const leaving = await walk(parts, from);
    const moved = leaving.steps.at(-1);
    if (moved === undefined || leaving.missing.length > 0) {
      throw notFound(from);
    }
    const arriving = await walk(parts, to);
    const [name, ...more] = arriving.missing;
    if (name === undefined) {
      throw new HansaError('KEY_DIRECTORY_EXISTS', `there is a directory ${shown(to)}`);
    }
    if (more.length > 0) {
      throw notFound(to.slice(0, -1));
    }
    const key = nameKey(arriving.steps.at(-1)?.prefix ?? rootPrefix, name);
    const { succeeded } = await kv.transact({
      space,
      if: [...distinct([...leaving.steps, ...arriving.steps]), { key, present: false }],
      then: [{ delete: { key: moved.key } }, { put: { key, text: moved.text } }],
    });
    return succeeded ? directoryAt(to, moved) : undefined;
  });
}

function distinct(steps: readonly Step[]): ReturnType<typeof unchanged> {
  return unchanged([...new Map(steps.map((step) => [step.key, step])).values()]);
}

async function removeAt(parts: Parts, path: DirectoryPath): Promise<{ readonly keys: number }> {
  const { kv, space } = parts;
  checkedPath(path);
  await decided(parts, async () => {
    const { steps, missing } = await walk(parts, path);
    const last = steps.at(-1);
    if (last === undefined || missing.length > 0) {
      throw notFound(path);
    }
    const { succeeded } = await kv.transact({
      space,
      if: unchanged(steps),
      // Known as removed until all of it is gone: whoever removes next goes on with it.
      then: [
        { delete: { key: last.key } },
        { put: { key: removed.key(last.prefix), text: last.text } },
      ],
    });
    return succeeded ? true : undefined;
  });
  return { keys: await clearRemoved(parts) };
}

async function clearRemoved(parts: Parts): Promise<number> {
  const { kv, space } = parts;
  let keys = 0;
  for await (const { key } of entriesBetween(kv, { space, ...removed.bounds() })) {
    const [prefix] = removed.parts(key);
    if (prefix instanceof Uint8Array) {
      keys += await clear(parts, prefix);
    }
    await kv.transact({ space, if: [], then: [{ delete: { key } }] });
  }
  return keys;
}

/** What is in it first, then its own keys. */
async function clear(parts: Parts, prefix: Uint8Array): Promise<number> {
  const { kv, space } = parts;
  let keys = 0;
  for await (const { key, text } of entriesBetween(kv, { space, ...names.bounds(prefix) })) {
    keys += text === undefined ? 0 : await clear(parts, readTold(text).prefix);
    await kv.transact({ space, if: [], then: [{ delete: { key } }] });
  }
  let group: SpaceOp[] = [];
  const flush = async (): Promise<void> => {
    if (group.length > 0) {
      await kv.transact({ space, if: [], then: group });
      keys += group.length;
      group = [];
    }
  };
  const own = createSubspace(prefix);
  // With the key of the empty tuple, which is before all others.
  const bounds = { start: own.key(), end: own.bounds().end };
  for await (const { key } of entriesBetween(kv, { space, ...bounds })) {
    group.push({ delete: { key } });
    if (group.length >= deletedAtOnce) {
      await flush();
    }
  }
  await flush();
  return keys;
}
