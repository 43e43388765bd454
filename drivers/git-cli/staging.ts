// Packs from elsewhere, verified in a folder beside the repository before anything of it can see
// them.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectId, Staged, StageOptions } from '@hansa/capabilities/forge/git';
import { HansaError } from '@hansa/foundation';
import { askGit, gitFailed, type Bytes, type GitAnswer, type GitRun } from './child.ts';
import { stagingFolder } from './layout.ts';
import { missingObjectsMax, objectIdPattern } from './limits.ts';
import {
  closureIncomplete,
  linesOf,
  objectTypes,
  quarantined,
  readShallow,
  viewOf,
  type RepositoryView,
} from './repository-state.ts';

const packHeaderBytes = 12; // "PACK", version, number of objects
const tipsNamedMax = 1_000; // given to one command by name; only to say what of them is missing

export async function stagePacks(
  repository: RepositoryView,
  options: StageOptions,
  indexArgs: readonly string[],
): Promise<Staged> {
  const staging = new Staging(repository, options, indexArgs);
  try {
    await staging.prepare();
    for (const [at, pack] of options.packs.entries()) {
      await staging.take(pack, at);
    }
    return staging;
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

class Staging implements Staged {
  objects = 0;
  readonly #repository: RepositoryView;
  readonly #options: StageOptions;
  readonly #indexArgs: readonly string[];
  readonly #folder: string;
  /** Histories must be whole up to here before refs may move. */
  readonly #checking: RepositoryView;
  /** While packs arrive, the cache's own cuts hold too: an early pack may lean on them. */
  readonly #indexing: RepositoryView;

  constructor(repository: RepositoryView, options: StageOptions, indexArgs: readonly string[]) {
    this.#repository = repository;
    this.#options = options;
    this.#indexArgs = indexArgs;
    const { git, folder } = repository;
    this.#folder = join(stagingFolder(folder), randomUUID());
    const objects = quarantined(folder, this.#folder);
    const cut = (name: string): Readonly<Record<string, string>> => ({
      ...objects,
      GIT_SHALLOW_FILE: join(this.#folder, name),
    });
    this.#checking = viewOf(git, folder, cut('shallow'));
    this.#indexing = viewOf(git, folder, cut('shallow-union'));
  }

  async prepare(): Promise<void> {
    const { shallow } = this.#options;
    if (!shallow.every((id) => objectIdPattern.test(id))) {
      throw new HansaError(
        'INPUT_INVALID',
        'a shallow commit’s id is 40 or 64 lower-case hex digits',
      );
    }
    await mkdir(join(this.#folder, 'pack'), { recursive: true });
    const union = new Set([...shallow, ...(await readShallow(this.#repository.folder))]);
    await this.#writeList('shallow', shallow);
    await this.#writeList('shallow-union', [...union]);
  }

  async take(pack: Bytes, at: number): Promise<void> {
    const header = new HeaderReader();
    const run = {
      args: ['index-pack', '--stdin', '--fix-thin', ...this.#indexArgs],
      environment: this.#indexing.environment,
      input: header.passOn(pack),
      signal: this.#options.signal,
    };
    const answer = await askGit(this.#repository.git, run);
    if (answer.code !== 0) {
      throw packFault(run, answer, at);
    }
    this.objects += header.objects;
  }

  async missing(tips: readonly ObjectId[]): Promise<readonly ObjectId[]> {
    if (!tips.every((id) => objectIdPattern.test(id))) {
      throw new HansaError('INPUT_INVALID', 'an object id is 40 or 64 lower-case hex digits');
    }
    const absent = (await objectTypes(this.#checking, tips)).filter(({ type }) => type === null);
    if (absent.length > 0) {
      return bounded(absent.map(({ id }) => id));
    }
    if (tips.length === 0) {
      return [];
    }
    const run: GitRun = {
      args: ['rev-list', '--objects', '--quiet', '--stdin', ...(await this.#alreadyWhole())],
      environment: this.#checking.environment,
      input: tips.map((id) => `${id}\n`).join(''),
      signal: this.#options.signal,
    };
    const answer = await askGit(this.#repository.git, run);
    return answer.code === 0 ? [] : this.#name(tips, run, answer);
  }

  async notCommits(ids: readonly ObjectId[]): Promise<readonly ObjectId[]> {
    const types = await objectTypes(this.#checking, ids);
    return types.flatMap(({ id, type }) => (type === 'commit' ? [] : [id]));
  }

  async adopt(): Promise<void> {
    const from = join(this.#folder, 'pack');
    const to = join(this.#repository.folder, 'objects', 'pack');
    const names = await readdir(from).catch(() => []);
    // Git believes in a pack as soon as it sees its index, so that comes last.
    names.sort((a, b) => Number(a.endsWith('.idx')) - Number(b.endsWith('.idx')));
    for (const name of names) {
      await syncPath(join(from, name));
      await rename(join(from, name), join(to, name));
    }
    if (names.length > 0) {
      await syncPath(to);
    }
    await this.discard();
  }

  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * What the cache's refs reach, and those of whom it borrows from, is whole, unless the new state
   * ends fewer histories than the cache.
   */
  async #alreadyWhole(): Promise<readonly string[]> {
    const given = new Set(this.#options.shallow);
    const current = await readShallow(this.#repository.folder);
    return current.every((id) => given.has(id)) ? ['--not', '--all', '--alternate-refs'] : [];
  }

  /** Git's quick check stops at the first gap; this slower one names them. */
  async #name(
    tips: readonly ObjectId[],
    quick: GitRun,
    failed: GitAnswer,
  ): Promise<readonly ObjectId[]> {
    const { output } = await askGit(this.#repository.git, {
      args: [
        'fsck',
        '--connectivity-only',
        '--no-dangling',
        '--no-progress',
        '--no-reflogs',
        ...tips.slice(0, tipsNamedMax),
      ],
      environment: this.#checking.environment,
      signal: this.#options.signal,
    });
    const named = linesOf(output).flatMap(
      (line) => /^missing \w+ ([0-9a-f]+)$/.exec(line)?.[1] ?? [],
    );
    if (named.length === 0) {
      throw gitFailed(quick, failed);
    }
    return bounded(named);
  }

  async #writeList(name: string, ids: readonly ObjectId[]): Promise<void> {
    await writeFile(join(this.#folder, name), ids.map((id) => `${id}\n`).join(''));
  }
}

function bounded(ids: readonly ObjectId[]): readonly ObjectId[] {
  return [...new Set(ids)].sort().slice(0, missingObjectsMax);
}

class HeaderReader {
  #header = Buffer.alloc(0);

  get objects(): number {
    return this.#header.length < packHeaderBytes ? 0 : this.#header.readUInt32BE(8);
  }

  async *passOn(pack: Bytes): AsyncGenerator<Uint8Array> {
    for await (const piece of pack) {
      if (this.#header.length < packHeaderBytes) {
        this.#header = Buffer.concat([this.#header, piece.subarray(0, packHeaderBytes)]);
      }
      yield piece;
    }
  }
}

// What git says where the machine is at fault and not the pack.
const ourTrouble = new RegExp(
  [
    'out of memory',
    'allocate memory',
    'No space left',
    'unable to create',
    'Read-only file',
    'Permission denied',
    'Too many open',
  ].join('|'),
);

function packFault(run: GitRun, answer: GitAnswer, at: number): HansaError {
  const { words } = answer;
  if (ourTrouble.test(words)) {
    return gitFailed(run, answer);
  }
  const gap = /did not receive expected object ([0-9a-f]+)/.exec(words)?.[1];
  if (gap !== undefined) {
    return closureIncomplete([gap], 'the packs name an object that is nowhere');
  }
  const said = words.split('\n').at(-1) ?? '';
  return new HansaError('GIT_OBJECTS_INVALID', `git refuses a pack: ${said}`, {
    facts: { pack: at, words },
  });
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
