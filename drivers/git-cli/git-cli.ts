// The forge's git on the stock git program: one process per question, none of them kept.
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type {
  Git,
  GitService,
  ObjectCount,
  ObjectFormat,
  ObjectId,
  OpenOptions,
  PackRequest,
  RepositoryState,
  Staged,
  StageOptions,
  Talk,
} from '@hansa/capabilities/forge/git';
import { blobBytesMax, HansaError, silentLog, type Log } from '@hansa/foundation';
import { askGit, startGit, streamGit, tellGit, type Bytes, type GitProgram } from './child.ts';
import {
  checkHook,
  clearLeftovers,
  configText,
  layoutOf,
  oldHistorySeverities,
  prepareLayout,
  replaceFile,
  repositoryFolder,
  type FsckSeverity,
  type Layout,
} from './layout.ts';
import { packObjects } from './packs.ts';
import { receivePush, type PushTalk } from './push.ts';
import {
  isAncestor,
  linesOf,
  readState,
  viewOf,
  writeState,
  type RepositoryView,
} from './repository-state.ts';
import { stagePacks } from './staging.ts';

export interface GitCliOptions {
  /** Absolute; of this process alone. Everything in it can be deleted while the process is down. */
  readonly folder: string;
  /** The git program; by default the one on the PATH. */
  readonly program?: string;
  /** What git's checks shall do about a kind of fault; merged over `oldHistorySeverities`. */
  readonly severities?: Readonly<Record<string, FsckSeverity>>;
  /** Prefixes of refs that no client sees or pushes to: the forge's `internalRefPrefix`. */
  readonly hiddenRefs?: readonly string[];
  readonly log?: Log;
}

// The first with repacking by size and with a configuration file of our own in place of the user's.
const gitVersionMin = [2, 32] as const;

export async function createGitCli(options: GitCliOptions): Promise<Git> {
  const severities = { ...oldHistorySeverities, ...options.severities };
  for (const message of Object.keys(severities)) {
    if (!/^[A-Za-z0-9]+$/.test(message)) {
      throw new HansaError('CONFIG_INVALID', `${JSON.stringify(message)} is no check of git’s`);
    }
  }
  const layout = layoutOf(options.folder);
  const hiddenRefs = options.hiddenRefs ?? [];
  await prepareLayout(
    layout,
    configText(layout, { severities, hiddenRefs, packBytesMax: blobBytesMax }),
  );
  return new GitCli(layout, options, severities);
}

class GitCli implements Git {
  readonly #layout: Layout;
  readonly #git: GitProgram;
  readonly #log: Log;
  readonly #indexArgs: readonly string[];
  readonly #closing = new AbortController();
  readonly #opened = new Map<string, Promise<void>>();
  readonly #held = new Map<string, Promise<void>>();

  constructor(
    layout: Layout,
    options: GitCliOptions,
    severities: Readonly<Record<string, FsckSeverity>>,
  ) {
    this.#layout = layout;
    this.#log = options.log ?? silentLog;
    this.#git = {
      program: options.program ?? 'git',
      folder: layout.folder,
      environment: environmentOf(layout),
      running: new Set(),
      closed: this.#closing.signal,
    };
    const list = Object.entries(severities).map(([message, severity]) => `${message}=${severity}`);
    this.#indexArgs = [
      list.length === 0 ? '--strict' : `--strict=${list.join(',')}`,
      `--max-input-size=${blobBytesMax}`,
    ];
  }

  async version(): Promise<string> {
    const said = await tellGit(this.#git, { args: ['version'] });
    const [version, major, minor] = /(\d+)\.(\d+)(?:\.\d+)?/.exec(said) ?? [];
    const [majorMin, minorMin] = gitVersionMin;
    const ahead = 1_000 * (Number(major) - majorMin) + (Number(minor) - minorMin);
    if (version === undefined || ahead < 0) {
      const least = gitVersionMin.join('.');
      throw new HansaError('GIT_MISSING', `${said.trim()} is too old: ${least} or later is needed`);
    }
    return version;
  }

  async open(key: string, options: OpenOptions = {}): Promise<void> {
    const folder = repositoryFolder(this.#layout, key);
    const opening = this.#opened.get(key) ?? this.#firstOpen(folder, options.format ?? 'sha1');
    this.#opened.set(key, opening);
    try {
      await opening;
    } catch (error) {
      this.#opened.delete(key);
      throw error;
    }
    const format = await formatOf(folder);
    if (options.format !== undefined && options.format !== format) {
      throw new HansaError('CONFLICT', `the repository’s object ids are ${format}`);
    }
    if (options.borrows !== undefined) {
      await borrow(folder, repositoryFolder(this.#layout, options.borrows));
    }
  }

  async remove(key: string): Promise<void> {
    const folder = repositoryFolder(this.#layout, key);
    const release = await this.#hold(key);
    try {
      this.#opened.delete(key);
      const gone = folder.replace(/\.git$/, '.gone');
      await rm(gone, { recursive: true, force: true });
      await rename(folder, gone).catch(ignoreAbsent);
      await rm(gone, { recursive: true, force: true });
    } finally {
      release();
    }
  }

  async state(key: string): Promise<RepositoryState> {
    return readState(await this.#view(key));
  }

  async setState(key: string, state: RepositoryState): Promise<void> {
    const view = await this.#view(key);
    const release = await this.#hold(key);
    try {
      await writeState(view, state);
    } finally {
      release();
    }
  }

  async *advertise(key: string, service: GitService, talk: Talk): AsyncGenerator<Uint8Array> {
    const args = [commandOf(service), '--stateless-rpc', '--advertise-refs'];
    yield* this.#converse(key, { ...talk, args });
  }

  async *uploadPack(key: string, body: Bytes, talk: Talk): AsyncGenerator<Uint8Array> {
    const args = ['upload-pack', '--stateless-rpc'];
    yield* this.#converse(key, { ...talk, args, input: body });
  }

  async *receivePack(key: string, body: Bytes, talk: PushTalk): AsyncGenerator<Uint8Array> {
    const { folder } = await this.#view(key);
    await checkHook(this.#layout);
    const hold = (): Promise<() => void> => this.#hold(key);
    yield* receivePush({ git: this.#git, log: this.#log.with({ key }), folder, hold }, body, talk);
  }

  async stage(key: string, options: StageOptions): Promise<Staged> {
    return stagePacks(await this.#view(key), options, this.#indexArgs);
  }

  async packOf(key: string, request: PackRequest): Promise<Bytes | undefined> {
    return packObjects(await this.#view(key), request);
  }

  async isAncestor(key: string, older: ObjectId, newer: ObjectId): Promise<boolean> {
    return isAncestor(await this.#view(key), older, newer);
  }

  async repack(key: string, signal?: AbortSignal): Promise<void> {
    const { git, environment } = await this.#view(key);
    await tellGit(git, { args: ['repack', '--geometric=2', '-d', '-q'], environment, signal });
  }

  async writeBitmap(key: string): Promise<void> {
    const { git, environment } = await this.#view(key);
    const args = ['multi-pack-index', 'write', '--bitmap', '--no-progress'];
    await tellGit(git, { args, environment });
  }

  async countObjects(key: string): Promise<ObjectCount> {
    const { git, environment } = await this.#view(key);
    const lines = linesOf(await tellGit(git, { args: ['count-objects', '-v'], environment }));
    const count = (name: string): number =>
      Number(lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? 0);
    return {
      objects: count('count') + count('in-pack'),
      packs: count('packs'),
      sizeBytes: 1_024 * (count('size') + count('size-pack')),
    };
  }

  async fsck(key: string): Promise<readonly string[]> {
    const { git, environment } = await this.#view(key);
    const args = ['fsck', '--full', '--no-dangling', '--no-progress'];
    const answer = await askGit(git, { args, environment });
    return answer.code === 0 ? [] : linesOf(`${answer.words}\n${answer.output}`);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(
      [...this.#git.running].map((child) => {
        child.kill();
        return child.ended;
      }),
    );
  }

  async #view(key: string): Promise<RepositoryView> {
    const folder = repositoryFolder(this.#layout, key);
    const opened = this.#opened.get(key);
    if (opened === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `no repository ${key} is open`);
    }
    await opened;
    return viewOf(this.#git, folder);
  }

  async #firstOpen(folder: string, format: ObjectFormat): Promise<void> {
    if (await isRepository(folder)) {
      await clearLeftovers(folder);
      return;
    }
    const fresh = folder.replace(/\.git$/, '.new');
    await rm(fresh, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
    await tellGit(this.#git, {
      args: [
        'init',
        '--bare',
        '--quiet',
        '--template=',
        '--initial-branch=main',
        `--object-format=${format}`,
        fresh,
      ],
    });
    await mkdir(join(fresh, 'objects', 'pack'), { recursive: true });
    await rename(fresh, folder);
  }

  async *#converse(
    key: string,
    talk: Talk & { readonly args: readonly string[]; readonly input?: Bytes },
  ): AsyncGenerator<Uint8Array> {
    const { folder } = await this.#view(key);
    const { protocol, signal, input } = talk;
    const environment = protocol === undefined ? {} : { GIT_PROTOCOL: protocol };
    const run = { args: [...talk.args, folder], environment, input, signal };
    yield* streamGit(startGit(this.#git, run), run, 'conversation');
  }

  /** One mover of a repository's refs at a time; resolves to the release. */
  async #hold(key: string): Promise<() => void> {
    const before = this.#held.get(key);
    let release = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#held.set(key, mine);
    await before;
    return () => {
      if (this.#held.get(key) === mine) {
        this.#held.delete(key);
      }
      release();
    };
  }
}

/**
 * Nothing of the caller's git: no user's configuration, no inherited GIT_*, no prompts, plain
 * English.
 */
function environmentOf(layout: Layout): Readonly<Record<string, string>> {
  const { PATH, TMPDIR } = process.env;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    HOME: layout.folder,
    LC_ALL: 'C',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: layout.config,
    GIT_CONFIG_NOSYSTEM: '1',
    // A pushed refs/replace/* must not change what our packs contain.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
}

/**
 * Git looks there for what the repository lacks; siblings stay siblings wherever the folder goes.
 */
async function borrow(folder: string, lender: string): Promise<void> {
  const info = join(folder, 'objects', 'info');
  await mkdir(info, { recursive: true });
  await replaceFile(join(info, 'alternates'), `../../${basename(lender)}/objects\n`);
}

function commandOf(service: GitService): string {
  return service.replace(/^git-/, '');
}

async function formatOf(folder: string): Promise<ObjectFormat> {
  const config = await readFile(join(folder, 'config'), 'utf8');
  return /^\s*objectformat\s*=\s*sha256\s*$/im.test(config) ? 'sha256' : 'sha1';
}

/**
 * After a power cut there may be files without what was written into them; then git takes the
 * folder for none of its own. It is a cache, and is made anew.
 */
async function isRepository(folder: string): Promise<boolean> {
  const [head, config] = await Promise.all(
    ['HEAD', 'config'].map((file) => readFile(join(folder, file), 'utf8').catch(() => '')),
  );
  const names = /^(?:ref: refs\/|[0-9a-f]{40})/.test(head ?? '');
  return names && (config ?? '').includes('repositoryformatversion');
}

function ignoreAbsent(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
    throw error;
  }
}
