// One bit of one file turned over, in each class of files that a data folder has, while a node is
// down or while it runs. Whoever then starts may refuse, whoever runs may end, may say what is
// damaged, may have made it good: but never serves, or passes on, anything else than what was
// written; and what lies in a blob is found by whoever looks.
import { kvContract } from '@hansa/capabilities/kv/contract';
import { isHansaError } from '@hansa/foundation';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import { serviceOf } from '../clients/asking.ts';
import { spaces } from '../clients/keys.ts';
import { faultsOfClone, refsAt, repository } from '../clients/pushes.ts';
import { findingsOf } from '../scrubbing.ts';
import { StartFailed, type NodeProcess } from '../world/node-process.ts';
import type { World } from '../world/world.ts';

export interface FileClass {
  readonly name: string;
  readonly files: readonly string[];
  /** Into something that was written, not just anywhere: most of a store is empty. */
  readonly aimed?: boolean;
  /** Read once, and never again by a node that runs. */
  readonly atStart?: boolean;
  /** All of it counts: a round of scrubbing sees every bit. */
  readonly scrubbed?: boolean;
}

/** When it happens to a node. */
export type Moment = 'down' | 'running';

export const fileClasses: readonly FileClass[] = [
  { name: 'a value in the store', files: ['store/data.mdb'], aimed: true },
  { name: 'the store', files: ['store/data.mdb'] },
  { name: 'a blob', files: ['blobs/blobs/*/*', '!**/*.chunks'], scrubbed: true },
  { name: 'a blob’s plan', files: ['blobs/blobs/*/*.chunks'] },
  { name: 'a key', files: ['keys/*'], atStart: true },
  { name: 'git’s objects', files: ['git/repositories/*/objects/**'] },
  {
    name: 'git’s refs and settings',
    files: ['git/repositories/*/{HEAD,config,packed-refs}', 'git/repositories/*/refs/**'],
  },
  { name: 'ports and addresses', files: ['ports.json', 'api.json'], atStart: true },
  { name: 'the owner’s token', files: ['owner.token'], atStart: true },
];

/** What was written, as the owner acknowledged it. */
export interface Truth {
  readonly texts: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly refs: ReadonlyMap<string, string>;
}

export interface Trial {
  /** `lubeck: a blob`, with the file and the place. */
  readonly what: string;
  /**
   * It did not start, or ended; said so to who read; found it when it looked; or nobody could
   * notice. `overlooked`: somebody could.
   */
  readonly outcome:
    | 'refused'
    | 'reported'
    | 'found'
    | 'served right'
    | 'served wrong'
    | 'overlooked';
  readonly wrongs: readonly string[];
}

const callWithinMs = 20_000;

/** A node that is down, with a copy of what it has. */
export interface Opened {
  readonly node: NodeProcess;
  readonly backup: string;
}

export async function openForFlips(world: World, node: NodeProcess): Promise<Opened> {
  await node.stop();
  const backup = mkdtempSync(join(world.folder, 'whole-'));
  cpSync(node.data, backup, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  return { node, backup };
}

export async function closeAfterFlips({ node, backup }: Opened): Promise<void> {
  rmSync(backup, { recursive: true });
  await node.start();
}

/** Turns a bit over before or after the node's start, looks what it serves, puts it all back. */
export async function tryFlip(
  world: World,
  truth: Truth,
  given: Opened & {
    readonly fileClass: FileClass;
    readonly random: SeededRandom;
    readonly moment: Moment;
  },
): Promise<Trial | undefined> {
  const { node, backup, fileClass, random, moment } = given;
  try {
    if (moment === 'running') {
      await node.start();
    }
    const found = globSync([...fileClass.files], { cwd: node.data, onlyFiles: true }).toSorted();
    const files = found.filter((file) => readFileSync(join(node.data, file)).length > 0);
    if (files.length === 0) {
      return undefined; // a mirror of nothing large has no plans
    }
    const file: string = random.pick(files);
    const path = join(node.data, file);
    const flip = flipIn(path, { truth, random, aimed: fileClass.aimed === true });
    const what = `${node.name}: ${fileClass.name} (${file}, byte ${flip.at})`;
    const seen = await look(world, truth, { node, moment });
    const isLeft = fileClass.scrubbed === true && isThere(path, flip);
    return seen.outcome === 'served right' && isLeft
      ? { what, outcome: 'overlooked', wrongs: ['a round of scrubbing did not find it'] }
      : { what, ...seen };
  } finally {
    await node.kill();
    rmSync(node.data, { recursive: true });
    cpSync(backup, node.data, { recursive: true });
  }
}

interface Flip {
  readonly at: number;
  /** What the byte is now. */
  readonly byte: number;
}

/** Nothing but that byte is written: a node that runs may be writing others. */
function flipIn(
  path: string,
  given: { readonly truth: Truth; readonly random: SeededRandom; readonly aimed: boolean },
): Flip {
  const { random, truth } = given;
  const bytes = readFileSync(path);
  const places = given.aimed ? placesOf(bytes, random.pick(allTexts(truth))) : [];
  const at = places.length > 0 ? random.pick(places) : random.integer(bytes.length);
  const byte = (bytes[at] ?? 0) ^ (1 << random.integer(8));
  const file = openSync(path, 'r+');
  try {
    writeSync(file, Uint8Array.of(byte), 0, 1, at);
  } finally {
    closeSync(file);
  }
  return { at, byte };
}

function isThere(path: string, { at, byte }: Flip): boolean {
  return existsSync(path) && readFileSync(path)[at] === byte;
}

function allTexts({ texts }: Truth): readonly string[] {
  const all = [...texts.values()].flatMap((space) => [...space.values()]);
  return all.filter((text) => text.length > 4); // a number is found everywhere
}

function placesOf(bytes: Buffer, text: string): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    places.push(at);
  }
  return places;
}

async function look(
  world: World,
  truth: Truth,
  { node, moment }: { readonly node: NodeProcess; readonly moment: Moment },
): Promise<Pick<Trial, 'outcome' | 'wrongs'>> {
  try {
    await (moment === 'down' ? node.start() : undefined);
  } catch (error) {
    if (error instanceof StartFailed) {
      return { outcome: 'refused', wrongs: [] };
    }
    throw error;
  }
  const seen = [];
  for (const each of world.nodes) {
    seen.push(await served(world, truth, each));
  }
  const wrongs = seen.flatMap((one) => one.wrongs);
  const reported = seen.some((one) => one.errors > 0);
  const outcome = !node.isRunning ? 'refused' : reported ? 'reported' : await scrubbed(node);
  return { outcome: wrongs.length > 0 ? 'served wrong' : outcome, wrongs };
}

/** Most of a store is empty, and a file may be made anew: then there is nothing to find. */
async function scrubbed(node: NodeProcess): Promise<'found' | 'served right'> {
  const findings = await findingsOf(node).catch((error: unknown) => [String(error)]);
  return findings.length > 0 ? 'found' : 'served right';
}

interface Served {
  readonly wrongs: readonly string[];
  readonly errors: number;
}

async function served(world: World, truth: Truth, node: NodeProcess): Promise<Served> {
  const isOwner = world.owner.nodes.includes(node);
  const wrongs: string[] = [];
  let errors = 0;
  const attempt = async (check: () => Promise<readonly string[]>): Promise<void> => {
    try {
      wrongs.push(...(await check()).map((wrong) => `${node.name} ${wrong}`));
    } catch {
      errors += 1; // said or died: either way nothing wrong was served
    }
  };
  for (const space of spaces) {
    const texts = truth.texts.get(space) ?? new Map<string, string>();
    const spelled = isOwner ? space : `${world.owner.name}:${space}`;
    await attempt(() => readEach(node, spelled, texts));
    await attempt(() => readPages(node, spelled, texts));
  }
  const path = isOwner ? repository : `@${world.owner.name}/${repository}`;
  await attempt(async () => {
    const refs = await refsAt(node, path);
    return [...truth.refs].flatMap(([ref, id]) => {
      const there = refs.get(ref);
      return there === id ? [] : [`tells git ${ref} is ${there ?? 'not there'}; it is ${id}`];
    });
  });
  await attempt(async () => {
    const into = mkdtempSync(join(world.folder, 'clone-'));
    const faults = await faultsOfClone(node, path, into);
    rmSync(into, { recursive: true });
    if (faults !== '') {
      throw new Error(faults); // git says so to whoever clones
    }
    return [];
  });
  return { wrongs, errors };
}

async function readEach(
  node: NodeProcess,
  space: string,
  texts: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const kv = serviceOf(node, kvContract, callWithinMs);
  const wrongs: string[] = [];
  let failure: Error | undefined;
  for (const [key, text] of texts) {
    try {
      const entry = await kv.get({ space, key });
      if (entry.text !== text) {
        wrongs.push(`serves ${String(entry.text)} for ${space} ${key}; ${text} was written`);
      }
    } catch (error) {
      if (isHansaError(error) && error.code === 'ENTRY_NOT_FOUND') {
        wrongs.push(`knows nothing of ${space} ${key}; ${text} was written`);
      }
      failure = new Error('a read failed', { cause: error });
    }
  }
  if (wrongs.length === 0 && failure !== undefined) {
    throw failure;
  }
  return wrongs;
}

async function readPages(
  node: NodeProcess,
  space: string,
  texts: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const kv = serviceOf(node, kvContract, callWithinMs);
  const seen = new Map<string, string | undefined>();
  let cursor: string | undefined;
  do {
    const page = await kv.list({ space, cursor });
    for (const { key, text } of page.entries) {
      seen.set(key, text);
    }
    ({ cursor } = page);
  } while (cursor !== undefined);
  const keys = new Set([...seen.keys(), ...texts.keys()]);
  return [...keys]
    .filter((key) => seen.get(key) !== texts.get(key))
    .map((key) => `lists ${space} ${key} as ${String(seen.get(key))}, not ${texts.get(key)}`);
}
