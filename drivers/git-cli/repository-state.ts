// Reading and moving the refs of one cache. Whoever moves them holds the repository.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectId, Ref, RefChange, RepositoryState } from '@hansa/capabilities/forge/git';
import { HansaError } from '@hansa/foundation';
import { askGit, gitFailed, tellGit, type GitProgram } from './child.ts';
import { replaceFile } from './layout.ts';
import { missingObjectsMax, objectIdPattern } from './limits.ts';

/** A repository, and the environment in which git sees it (a quarantine's, for example). */
export interface RepositoryView {
  readonly git: GitProgram;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

export function viewOf(
  git: GitProgram,
  folder: string,
  more: Readonly<Record<string, string>> = {},
): RepositoryView {
  return { git, folder, environment: { GIT_DIR: folder, ...more } };
}

/** Git's environment inside a quarantine: its objects first, then the repository's. */
export function quarantined(folder: string, quarantine: string): Readonly<Record<string, string>> {
  return {
    GIT_OBJECT_DIRECTORY: quarantine,
    // Quoted, because a colon in a folder's name would otherwise end the path.
    GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(join(folder, 'objects')),
  };
}

export async function readState(view: RepositoryView): Promise<RepositoryState> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)'];
  const [listed, head, shallow] = await Promise.all([
    tellGit(view.git, { args, environment: view.environment }),
    readFile(join(view.folder, 'HEAD'), 'utf8'),
    readShallow(view.folder),
  ]);
  const refs = linesOf(listed).map((line): Ref => {
    const space = line.indexOf(' ');
    return { name: line.slice(space + 1), target: line.slice(0, space) };
  });
  return { refs: sortedRefs(refs), head: head.trim().replace(/^ref: /, ''), shallow };
}

export async function readShallow(folder: string): Promise<readonly ObjectId[]> {
  try {
    return linesOf(await readFile(join(folder, 'shallow'), 'utf8')).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Ref names in UTF-8 order; the language's own order of strings differs beyond the first plane. */
export function sortedRefs(refs: readonly Ref[]): readonly Ref[] {
  return [...refs].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** The state after the changes, which fit it. */
export function changedState(
  before: RepositoryState,
  changes: readonly RefChange[],
  shallow: readonly ObjectId[],
): RepositoryState {
  const refs = new Map(before.refs.map((ref) => [ref.name, ref.target]));
  for (const change of changes) {
    if (change.new === null) {
      refs.delete(change.ref);
    } else {
      refs.set(change.ref, change.new);
    }
  }
  const table = [...refs].map(([name, target]) => ({ name, target }));
  return { refs: sortedRefs(table), head: before.head, shallow: [...shallow].sort() };
}

/** Makes the repository's state exactly this one; see `Git.setState`. */
export async function writeState(view: RepositoryView, wanted: RepositoryState): Promise<void> {
  checkState(wanted);
  const current = await readState(view);
  const changes = differences(current, wanted);
  await checkTargets(view, changes);
  const union = [...new Set([...current.shallow, ...wanted.shallow])].sort();
  // While the refs move, both the old and the new ones must make sense to a reader.
  await writeShallow(view.folder, current.shallow, union);
  await moveRefs(view, changes, wanted.refs);
  await writeShallow(view.folder, union, wanted.shallow);
  if (wanted.head !== current.head) {
    const { git, environment } = view;
    await tellGit(git, { args: ['symbolic-ref', 'HEAD', wanted.head], environment });
  }
}

// What could be more than a name in a line of git's input; git itself judges the rest.
// oxlint-disable-next-line no-control-regex
const oneWord = /^refs\/[^\u0000-\u0020\u007f]+$/;

/** States come from other clusters too, and become lines of a file and of git's input. */
function checkState(state: RepositoryState): void {
  for (const { name, target } of state.refs) {
    if (!oneWord.test(name) || !objectIdPattern.test(target)) {
      throw new HansaError('INPUT_INVALID', `${JSON.stringify(name)} is no ref that git takes`);
    }
  }
  if (!oneWord.test(state.head) || !state.head.startsWith('refs/heads/')) {
    throw new HansaError('INPUT_INVALID', `${JSON.stringify(state.head)} is no branch for HEAD`);
  }
  if (!state.shallow.every((id) => objectIdPattern.test(id))) {
    throw new HansaError('INPUT_INVALID', 'a shallow commit’s id is 40 or 64 hex digits');
  }
}

function differences(current: RepositoryState, wanted: RepositoryState): RefChange[] {
  const old = new Map(current.refs.map((ref) => [ref.name, ref.target]));
  const changes: RefChange[] = [];
  for (const { name, target } of wanted.refs) {
    const was = old.get(name) ?? null;
    old.delete(name);
    if (was !== target) {
      changes.push({ ref: name, old: was, new: target });
    }
  }
  for (const [ref, target] of old) {
    changes.push({ ref, old: target, new: null });
  }
  return changes;
}

async function checkTargets(view: RepositoryView, changes: readonly RefChange[]): Promise<void> {
  const targets = changes.flatMap((change) => (change.new === null ? [] : [change.new]));
  const missing = (await objectTypes(view, targets)).filter((object) => object.type === null);
  if (missing.length > 0) {
    const ids = missing.map((object) => object.id);
    throw closureIncomplete(ids, 'refs cannot move to objects that are not there');
  }
}

export function closureIncomplete(ids: readonly ObjectId[], sentence: string): HansaError {
  const named = ids.slice(0, missingObjectsMax).sort();
  return new HansaError('GIT_CLOSURE_INCOMPLETE', `${sentence}: ${named[0] ?? 'unknown'}`, {
    facts: { missing: named.join(' '), count: ids.length },
  });
}

/** What each object is, in the order asked; `null` where it is not there. */
export async function objectTypes(
  view: RepositoryView,
  ids: readonly ObjectId[],
): Promise<readonly { id: ObjectId; type: string | null }[]> {
  if (ids.length === 0) {
    return [];
  }
  const lines = linesOf(
    await tellGit(view.git, {
      args: ['cat-file', '--batch-check=%(objecttype)', '--buffer'],
      environment: view.environment,
      input: ids.map((id) => `${id}\n`).join(''),
    }),
  );
  return ids.map((id, at) => ({
    id,
    type: /^\w+$/.test(lines[at] ?? '') ? (lines[at] ?? null) : null,
  }));
}

async function writeShallow(
  folder: string,
  current: readonly ObjectId[],
  wanted: readonly ObjectId[],
): Promise<void> {
  const text = [...wanted]
    .sort()
    .map((id) => `${id}\n`)
    .join('');
  if (text !== current.map((id) => `${id}\n`).join('')) {
    // An empty file says the same to git as none.
    await replaceFile(join(folder, 'shallow'), text);
  }
}

async function moveRefs(
  view: RepositoryView,
  changes: readonly RefChange[],
  wanted: readonly Ref[],
): Promise<void> {
  const deleted = changes.filter((change) => change.new === null).map((change) => change.ref);
  const inTheWay = namesInTheWay(deleted, wanted);
  // Git cannot exchange a file for a folder of the same name in one transaction.
  await transact(
    view,
    changes.filter((change) => inTheWay.has(change.ref)),
  );
  await transact(
    view,
    changes.filter((change) => !inTheWay.has(change.ref)),
  );
}

/** The deleted names that are a folder of a wanted one, or lie in a folder that one replaces. */
function namesInTheWay(deleted: readonly string[], wanted: readonly Ref[]): ReadonlySet<string> {
  const folders = new Set(wanted.flatMap((ref) => foldersOf(ref.name)));
  const names = new Set(wanted.map((ref) => ref.name));
  return new Set(
    deleted.filter(
      (name) => folders.has(name) || foldersOf(name).some((folder) => names.has(folder)),
    ),
  );
}

function foldersOf(name: string): string[] {
  const segments = name.split('/');
  return segments.slice(1).map((_, at) => segments.slice(0, at + 1).join('/'));
}

async function transact(view: RepositoryView, changes: readonly RefChange[]): Promise<void> {
  if (changes.length === 0) {
    return;
  }
  const lines = changes.map(({ ref, old, new: target }) =>
    target === null
      ? `delete ${ref} ${old ?? ''}\n`
      : `update ${ref} ${target} ${old ?? '0'.repeat(target.length)}\n`,
  );
  const run = {
    args: ['update-ref', '--no-deref', '--stdin'],
    environment: view.environment,
    input: ['start\n', ...lines, 'prepare\n', 'commit\n'].join(''),
  };
  const answer = await askGit(view.git, run);
  const badName = /invalid ref format: (.*)/.exec(answer.words)?.[1];
  if (badName !== undefined) {
    throw new HansaError('INPUT_INVALID', `${badName} is no ref that git takes`);
  }
  if (answer.code !== 0) {
    throw gitFailed(run, answer);
  }
}

/** Exit 1 means no; anything else but 0 is a failure, such as an object that is not there. */
export async function isAncestor(
  view: RepositoryView,
  older: ObjectId,
  newer: ObjectId,
): Promise<boolean> {
  for (const id of [older, newer]) {
    if (!objectIdPattern.test(id)) {
      throw new HansaError('INPUT_INVALID', 'an object id is 40 or 64 lower-case hex digits');
    }
  }
  const run = {
    args: ['merge-base', '--is-ancestor', older, newer],
    environment: view.environment,
  };
  const answer = await askGit(view.git, run);
  if (answer.code > 1) {
    throw closureIncomplete([older, newer], 'histories can only be compared where both are there');
  }
  return answer.code === 0;
}
