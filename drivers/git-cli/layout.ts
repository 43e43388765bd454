// Where the caches lie on disk, and the two files that make stock git behave: one configuration for
// all repositories, and one hook. Everything here is rewritten at start, so nothing old survives an
// upgrade.
import { constants } from 'node:fs';
import { access, chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { repositoryKeyPattern } from './limits.ts';

export type FsckSeverity = 'error' | 'warn' | 'ignore';

/**
 * What histories from before git's strict checks commonly fail. None of it can hurt a reader, so it
 * is reported to the pusher and let in; what can (`.gitmodules` tricks, broken trees) stays an
 * error.
 */
export const oldHistorySeverities: Readonly<Record<string, FsckSeverity>> = {
  badDate: 'warn',
  badDateOverflow: 'warn',
  badEmail: 'warn',
  badFilemode: 'warn',
  badName: 'warn',
  badTimezone: 'warn',
  missingEmail: 'warn',
  missingNameBeforeEmail: 'warn',
  missingSpaceBeforeDate: 'warn',
  missingSpaceBeforeEmail: 'warn',
  multipleAuthors: 'warn',
  zeroPaddedDate: 'warn',
  zeroPaddedFilemode: 'warn',
};

export interface Layout {
  readonly folder: string;
  readonly hooks: string;
  readonly hook: string;
  readonly config: string;
  readonly repositories: string;
}

export function layoutOf(folder: string): Layout {
  const hooks = join(folder, 'hooks');
  return {
    folder,
    hooks,
    hook: join(hooks, 'pre-receive'),
    config: join(folder, 'gitconfig'),
    repositories: join(folder, 'repositories'),
  };
}

/** The folder of one repository; INPUT_INVALID where the key could be a path. */
export function repositoryFolder(layout: Layout, key: string): string {
  if (!repositoryKeyPattern.test(key)) {
    throw new HansaError('INPUT_INVALID', 'a repository key is letters, digits, "-" and "_"');
  }
  return join(layout.repositories, `${key}.git`);
}

export function stagingFolder(repository: string): string {
  return join(repository, 'staging');
}

export async function prepareLayout(layout: Layout, config: string): Promise<void> {
  await mkdir(layout.hooks, { recursive: true, mode: 0o700 });
  await mkdir(layout.repositories, { recursive: true, mode: 0o700 });
  await replaceFile(layout.config, config);
  await replaceFile(layout.hook, preReceiveHook);
  await chmod(layout.hook, 0o700);
  await checkHook(layout);
}

/**
 * Git skips a hook that it cannot run and takes the push unasked; so this comes before every push.
 */
export async function checkHook(layout: Layout): Promise<void> {
  try {
    await access(layout.hook, constants.X_OK);
  } catch (cause) {
    throw new HansaError('GIT_FAILED', 'the hook that asks for every push cannot be run', {
      cause,
      fix: 'keep the data folder on a file system that allows programs (no noexec mount)',
    });
  }
}

/** Files appear whole or not at all. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { flush: true });
  await rename(`${path}.new`, path);
}

/**
 * The hook runs as a grandchild of this process and inherits descriptors 3 and 4 through git. It
 * sends the quarantine's path and the ref lines, and waits for one line: `ok`, or what the pusher
 * shall read.
 */
const preReceiveHook = `#!/bin/sh
{ printf '%s\\n' "$GIT_QUARANTINE_PATH" && cat && printf 'end\\n'; } >&3 || exit 1
IFS= read -r answer <&4 || { echo 'the node went away; nothing was pushed' >&2; exit 1; }
[ "$answer" = ok ] && exit 0
printf '%s\\n' "$answer" >&2
exit 1
`;

export interface ConfigOptions {
  readonly severities: Readonly<Record<string, FsckSeverity>>;
  readonly packBytesMax: number;
  /** Prefixes of refs that no client sees or pushes to: `refs/hansa/`. */
  readonly hiddenRefs: readonly string[];
}

export function configText(layout: Layout, options: ConfigOptions): string {
  const sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>> = {
    core: { hooksPath: layout.hooks, logAllRefUpdates: false },
    // The folder may belong to another user in a container; only this driver's repositories are
    // read.
    safe: { directory: '*' },
    gc: { auto: 0 },
    maintenance: { auto: false },
    // One thread, so that one push never takes the whole machine; several run side by side.
    pack: { threads: 1 },
    transfer: {
      fsckObjects: true,
      // Every push stays one pack: loose objects would be fsynced one by one.
      unpackLimit: 1,
    },
    receive: {
      advertiseAtomic: true,
      autogc: false,
      // Whether history may be rewritten or a branch deleted is the forge's decision, not git's.
      denyDeletes: false,
      denyDeleteCurrent: 'ignore',
      denyNonFastForwards: false,
      maxInputSize: options.packBytesMax,
      shallowUpdate: true,
      updateServerInfo: false,
    },
    uploadpack: { allowAnySHA1InWant: false },
  };
  const severities = Object.entries(options.severities).map(
    ([message, severity]) => `[receive "fsck"]\n\t${message} = ${severity}\n`,
  );
  const hidden = options.hiddenRefs.map(
    (prefix) => `[transfer]\n\thideRefs = ${JSON.stringify(prefix.replace(/\/$/, ''))}\n`,
  );
  const text = Object.entries(sections).map(
    ([name, values]) =>
      `[${name}]\n` +
      Object.entries(values)
        .map(([key, value]) => `\t${key} = ${JSON.stringify(value)}\n`)
        .join(''),
  );
  return [...text, ...hidden, ...severities].join('');
}

/** What processes that were killed left behind. Only the first `open` of a process may call it. */
export async function clearLeftovers(repository: string): Promise<void> {
  await rm(stagingFolder(repository), { recursive: true, force: true });
  const objects = join(repository, 'objects');
  await removeMatching(objects, /^(?:tmp_|incoming-)/);
  await removeMatching(join(objects, 'pack'), /^(?:tmp_|\.tmp-)|\.(?:keep|lock)$/);
  await removeMatching(repository, /\.lock$|^shallow_|\.new$/);
  for (const entry of await readdir(join(repository, 'refs'), { recursive: true })) {
    if (entry.endsWith('.lock')) {
      await rm(join(repository, 'refs', entry), { force: true });
    }
  }
}

async function removeMatching(folder: string, pattern: RegExp): Promise<void> {
  for (const name of await readdir(folder)) {
    if (pattern.test(name)) {
      await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}
