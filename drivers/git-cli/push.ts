// One push: stock `git receive-pack` with a hook that asks this process while the objects are still
// in quarantine. What the caller accepts is durable before git moves a ref, and the cache ends as
// accepted.
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  DecidePush,
  ObjectId,
  Push,
  PushDecision,
  RefChange,
  RepositoryState,
  Talk,
} from '@hansa/capabilities/forge/git';
import { HansaError, isHansaError, type Log } from '@hansa/foundation';
import {
  startGit,
  streamGit,
  tellGit,
  type Bytes,
  type GitChild,
  type GitProgram,
} from './child.ts';
import { stagingFolder } from './layout.ts';
import { packObjects } from './packs.ts';
import { overheard, questionOf, refusalLine } from './push-commands.ts';
import {
  changedState,
  isAncestor,
  linesOf,
  objectTypes,
  quarantined,
  readState,
  viewOf,
  writeState,
  type RepositoryView,
} from './repository-state.ts';

export interface PushNeeds {
  readonly git: GitProgram;
  readonly log: Log;
  /** The repository's folder. */
  readonly folder: string;
  /** Waits until nobody else moves this repository's refs; call what it resolves to when done. */
  hold(): Promise<() => void>;
}

export type PushTalk = Talk & { readonly decide: DecidePush };

export async function* receivePush(
  needs: PushNeeds,
  body: Bytes,
  talk: PushTalk,
): AsyncGenerator<Uint8Array> {
  const shallow: ObjectId[] = [];
  const run = {
    args: ['receive-pack', '--stateless-rpc', needs.folder],
    environment: talk.protocol === undefined ? {} : { GIT_PROTOCOL: talk.protocol },
    input: overheard(body, (id) => shallow.push(id)),
    signal: talk.signal,
    withHook: true,
  };
  const child = startGit(needs.git, run);
  const asked = new AskedPush(needs, child, talk.decide);
  const answered = asked.answerHook(shallow);
  const settled = child.ended.then(() => answered).then(() => asked.settle());
  settled.catch(() => undefined); // awaited below, which may be later than it fails
  try {
    yield* streamGit(child, run, 'conversation');
  } finally {
    await settled;
  }
}

class AskedPush {
  readonly #needs: PushNeeds;
  readonly #child: GitChild;
  readonly #decide: DecidePush;
  readonly #scratch: string;
  /** Ends the packs that `decide` asked for and did not read. */
  readonly #decided = new AbortController();
  #release: (() => void) | undefined;
  #accepted: RepositoryState | undefined;

  constructor(needs: PushNeeds, child: GitChild, decide: DecidePush) {
    this.#needs = needs;
    this.#child = child;
    this.#decide = decide;
    this.#scratch = join(stagingFolder(needs.folder), randomUUID());
  }

  /** Never rejects: whatever goes wrong is a refusal, and the hook always gets its line. */
  async answerHook(shallow: readonly ObjectId[]): Promise<void> {
    const words = await heard(this.#child);
    if (words === undefined) {
      return;
    }
    const release = await this.#needs.hold();
    // A pusher who left before this has nothing decided; from here on the push runs to its end.
    let answer = 'the push was cancelled';
    if (this.#child.shield()) {
      answer = await this.#answer(words, shallow);
    }
    this.#child.toHook?.write(`${answer}\n`);
    if (this.#accepted === undefined) {
      release();
      this.#child.unshield();
    } else {
      this.#release = release;
    }
  }

  /** Git has ended: the refs are where they were accepted to be, or are put there. */
  async settle(): Promise<void> {
    try {
      if (this.#accepted !== undefined) {
        await writeState(viewOf(this.#needs.git, this.#needs.folder), this.#accepted);
      }
    } finally {
      this.#release?.();
    }
  }

  async #answer(words: Uint8Array, shallow: readonly ObjectId[]): Promise<string> {
    try {
      const decision = await this.#ask(words, shallow);
      return decision.accept ? 'ok' : refusalLine(decision.reason);
    } catch (error) {
      this.#needs.log.problem('git.push_failed', error);
      return refusalLine(
        isHansaError(error)
          ? error.message
          : 'the node failed to take the push; its log has the cause',
      );
    } finally {
      this.#decided.abort(new HansaError('CANCELLED', 'the push is decided'));
      await rm(this.#scratch, { recursive: true, force: true });
    }
  }

  async #ask(words: Uint8Array, sent: readonly ObjectId[]): Promise<PushDecision> {
    const { git, folder } = this.#needs;
    const { changes, quarantine } = questionOf(words);
    const before = await readState(viewOf(git, folder));
    if (changes.length === 0) {
      return { accept: true };
    }
    const inside = quarantine === undefined ? {} : quarantined(folder, quarantine);
    const shallow = await shallowAfter(viewOf(git, folder, inside), before.shallow, sent);
    const view = await this.#viewWith(shallow, before.shallow, inside);
    const wrong = await branchFault(view, changes);
    if (wrong !== undefined) {
      return { accept: false, reason: wrong };
    }
    const after = changedState(before, changes, shallow);
    const decision = await this.#decide(this.#push(view, { changes, before, after }));
    if (decision.accept) {
      this.#accepted = { ...after, head: decision.head ?? after.head };
    }
    return decision;
  }

  #push(view: RepositoryView, asked: Pick<Push, 'changes' | 'before' | 'after'>): Push {
    const want = asked.changes.flatMap((change) => (change.new === null ? [] : [change.new]));
    const have = asked.before.refs.map((ref) => ref.target);
    const { signal } = this.#decided;
    return {
      ...asked,
      pack: (more = []) => packObjects(view, { want, have: [...have, ...more], signal }),
      isAncestor: (older, newer) => isAncestor(view, older, newer),
    };
  }

  /** Git writes its own shallow file after the hook; until then ours says where histories end. */
  async #viewWith(
    shallow: readonly ObjectId[],
    known: readonly ObjectId[],
    inside: Readonly<Record<string, string>>,
  ): Promise<RepositoryView> {
    const { git, folder } = this.#needs;
    if (shallow.length === known.length) {
      return viewOf(git, folder, inside);
    }
    await mkdir(this.#scratch, { recursive: true });
    const file = join(this.#scratch, 'shallow');
    await writeFile(file, shallow.map((id) => `${id}\n`).join(''));
    return viewOf(git, folder, { ...inside, GIT_SHALLOW_FILE: file });
  }
}

/** The hook's question, whole; undefined where git ended without asking. */
async function heard(child: GitChild): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  let end = '';
  try {
    for await (const piece of child.fromHook?.iterator({ destroyOnReturn: false }) ?? []) {
      pieces.push(piece);
      end = (end + Buffer.from(piece).toString('latin1')).slice(-5);
      if (end === '\nend\n') {
        return Buffer.concat(pieces);
      }
    }
  } catch {
    // The hook was killed in the middle of a word: nobody waits for an answer.
  }
  return undefined;
}

/** The known shallow commits and those that this push brings without all of their parents. */
async function shallowAfter(
  view: RepositoryView,
  known: readonly ObjectId[],
  sent: readonly ObjectId[],
): Promise<readonly ObjectId[]> {
  const fresh = [...new Set(sent)].filter((id) => !known.includes(id));
  const commits = (await objectTypes(view, fresh)).filter(({ type }) => type === 'commit');
  if (commits.length === 0) {
    return known;
  }
  const listed = await tellGit(view.git, {
    args: ['rev-list', '--no-walk=unsorted', '--parents', '--stdin'],
    environment: view.environment,
    input: commits.map(({ id }) => `${id}\n`).join(''),
  });
  const families = linesOf(listed).map((line) => line.split(' '));
  const parents = [...new Set(families.flatMap((family) => family.slice(1)))];
  const types = await objectTypes(view, parents);
  const absent = new Set(types.filter(({ type }) => type === null).map(({ id }) => id));
  const cut = families.filter((family) => family.slice(1).some((parent) => absent.has(parent)));
  return [...known, ...cut.flatMap((family) => family.slice(0, 1))].sort();
}

/** Git takes only commits as branches, and would say so too late. */
async function branchFault(
  view: RepositoryView,
  changes: readonly RefChange[],
): Promise<string | undefined> {
  const branches = changes.filter(
    (change) => change.new !== null && change.ref.startsWith('refs/heads/'),
  );
  const types = await objectTypes(
    view,
    branches.flatMap((change) => change.new ?? []),
  );
  const at = types.findIndex(({ type }) => type !== 'commit');
  return at < 0
    ? undefined
    : `${branches[at]?.ref ?? 'a branch'} must be a commit and is a ${types[at]?.type ?? 'gap'}`;
}
