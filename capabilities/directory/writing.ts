// Changing own directories: one act at a time, worked out on what stands there, checked, and
// written only where nobody was faster. What is answered is seen by everybody from then on.
import {
  createMutex,
  federatedId,
  HansaError,
  isHansaError,
  localId,
  type Call,
  type Caller,
} from '@hansa/foundation';
import type { ChangeOp } from '../resources/contract.ts';
import {
  defaultDirectory,
  directoriesMax,
  directoryBytesMax,
  directoryKind,
  entriesMax,
} from './contract.ts';
import { accountOf, findIn } from './accounts.ts';
import type { AccountEntry } from './entries.ts';
import type { Followed, FollowedNeeds } from './followed.ts';
import type { Account } from './uses.ts';
import type { HeldDirectory } from './reading.ts';
import { entryBytes, keyBytes } from './keys.ts';
import { requireOwnerLeft, withEdits, type Edit, type Plan } from './planning.ts';

const attemptsMax = 16; // every lost one is another node's success
const opsMax = 80; // of one change, which holds ninety
const changeBytesMax = 192 * 1_024; // half of what a change holds: keys and lengths come on top

export interface WritingNeeds extends FollowedNeeds {
  readonly followed: Followed;
  /** GRANT_WIDENED where the caller has less than these scopes. */
  requireGrantable(caller: Caller | undefined, scopes: readonly string[]): void;
  /** GRANT_WIDENED where accounts may more than before by what the caller may not themselves. */
  requireChanges(caller: Caller | undefined, changes: readonly ChangedAccount[]): void;
}

export interface ChangedAccount {
  /** Absent where it is new. */
  readonly before?: Account | undefined;
  readonly after: Account;
}

/** Works out what is to change, on own directories as they stand; throws why it may not be. */
export type Act = (own: readonly HeldDirectory[]) => Plan;

export interface Writing {
  run(act: Act, call: Call | undefined): Promise<void>;
  /** RESOURCE_EXISTS, STORE_LIMIT. */
  create(directory: string, description?: string): Promise<void>;
  /** With everybody in it. */
  remove(directory: string): Promise<void>;
}

class Overtaken extends Error {}

export function createWriting(needs: WritingNeeds): Writing {
  const { resources, signer, followed } = needs;
  // One for all directories: a name is unique among all of them.
  const turn = createMutex();
  const create = async (name: string, description?: string): Promise<void> => {
    if (followed.own().length >= directoriesMax) {
      throw new HansaError(
        'STORE_LIMIT',
        `there are ${directoriesMax} directories, the most there may be`,
      );
    }
    await resources.create({ kind: directoryKind, name, ...(description && { description }) });
    await followed.refresh(federatedId(signer.cluster, localId(directoryKind, name)));
  };
  return {
    run: (act, call) =>
      turn.run(async () => {
        for (let attempt = 1; ; attempt += 1) {
          try {
            return await runOnce(needs, act, { call, create });
          } catch (error) {
            if (!(error instanceof Overtaken)) {
              throw error;
            }
            if (attempt >= attemptsMax) {
              throw new HansaError('CONFLICT', 'the directory is written too often', {
                cause: error,
              });
            }
          }
        }
      }),
    create: (name, description) => turn.run(() => create(name, description)),
    remove: (name) =>
      turn.run(async () => {
        const own = followed.own();
        const left = own.filter((each) => each.name !== name);
        requireOwnerLeft(own, left, signer.cluster);
        const local = localId(directoryKind, name);
        await resources.remove(local);
        await followed.refresh(federatedId(signer.cluster, local));
      }),
  };
}

async function runOnce(
  needs: WritingNeeds,
  act: Act,
  { call, create }: { call: Call | undefined; create(directory: string): Promise<void> },
): Promise<void> {
  const { followed, signer } = needs;
  const empty = emptyDefault(needs);
  const own = [...followed.own(), ...empty];
  const { edits, scopes } = act(own);
  needs.requireGrantable(call?.caller, scopes);
  const after = withEdits(own, edits);
  needs.requireChanges(call?.caller, changedIn(edits, own, after));
  requireOwnerLeft(own, after, signer.cluster);
  const ops = edits.map((edit) => ({ directory: edit.directory, op: opOf(needs, edit) }));
  requireRoom(own, after, ops);
  if (empty.some(({ name }) => edits.some(({ directory }) => directory === name))) {
    await create(defaultDirectory).catch(overtakenWhere('RESOURCE_EXISTS'));
  }
  for (const group of runsOf(ops)) {
    await append(needs, group, authorOf(needs, call?.caller));
  }
}

/** Accounts that an act writes, as they are and as they become; groups are in theirs. */
function changedIn(
  edits: readonly Edit[],
  own: readonly HeldDirectory[],
  after: readonly HeldDirectory[],
): readonly ChangedAccount[] {
  return edits.flatMap((edit) => {
    if (!('put' in edit) || (edit.put.type !== 'user' && edit.put.type !== 'service')) {
      return [];
    }
    const { type, name } = edit.put;
    const was = findIn<AccountEntry>(own, type, name);
    const becomes = findIn<AccountEntry>(after, type, name);
    return becomes === undefined
      ? []
      : [{ before: was && accountOf(own, was), after: accountOf(after, becomes) }];
  });
}

/** The directory that is made by its first use, as if it were there. */
function emptyDefault({ followed, signer }: WritingNeeds): readonly HeldDirectory[] {
  const owner = signer.cluster;
  const resource = federatedId(owner, localId(directoryKind, defaultDirectory));
  const isThere = followed.own().some(({ name }) => name === defaultDirectory);
  const place = { resource, owner, name: defaultDirectory };
  return isThere ? [] : [{ ...place, epoch: 0, sequence: 0, entries: new Map() }];
}

function overtakenWhere(code: 'RESOURCE_EXISTS' | 'CONFLICT'): (error: unknown) => never {
  return (error) => {
    throw isHansaError(error, code) ? new Overtaken('somebody was faster') : error;
  };
}

function opOf({ codec }: WritingNeeds, edit: Edit): ChangeOp {
  return 'put' in edit
    ? { put: { key: keyBytes(edit.put), value: entryBytes(codec, edit.put), blobs: [] } }
    : { delete: { key: keyBytes(edit.remove) } };
}

/** Nobody could mirror what is larger than a mirror takes. */
function requireRoom(
  own: readonly HeldDirectory[],
  after: readonly HeldDirectory[],
  ops: readonly Placed[],
): void {
  for (const { name, entries } of after) {
    const before = own.find((each) => each.name === name);
    const written = ops.filter(({ directory }) => directory === name);
    const bytes = written.reduce((sum, { op }) => sum + ('put' in op ? sizeOf(op.put) : 0), 0);
    const held = [...(before?.entries.values() ?? [])].reduce((sum, one) => sum + one.bytes, 0);
    const grows = entries.size > (before?.entries.size ?? 0);
    if (bytes > 0 && ((grows && entries.size > entriesMax) || held + bytes > directoryBytesMax)) {
      throw new HansaError(
        'STORE_LIMIT',
        `a directory holds at most ${entriesMax} entries of ${directoryBytesMax} bytes together`,
        { fix: 'make another: hansa directory create <directory>', facts: { directory: name } },
      );
    }
  }
}

function sizeOf({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): number {
  return key.length + value.length;
}

interface Placed {
  readonly directory: string;
  readonly op: ChangeOp;
}

interface Run {
  readonly directory: string;
  readonly ops: ChangeOp[];
  bytes: number;
}

/** What follows each other in one directory, as far as one change holds it. */
function runsOf(placed: readonly Placed[]): readonly Run[] {
  const runs: Run[] = [];
  for (const { directory, op } of placed) {
    const bytes = 'put' in op ? sizeOf(op.put) : op.delete.key.length;
    const last = runs.at(-1);
    const fits = last !== undefined && last.bytes + bytes <= changeBytesMax;
    if (fits && last.directory === directory && last.ops.length < opsMax) {
      last.ops.push(op);
      last.bytes += bytes;
    } else {
      runs.push({ directory, ops: [op], bytes });
    }
  }
  return runs;
}

async function append(
  { resources, signer, followed }: WritingNeeds,
  { directory, ops }: Run,
  author: string,
): Promise<void> {
  const local = localId(directoryKind, directory);
  const resource = federatedId(signer.cluster, local);
  const expect = followed.find(resource)?.sequence;
  try {
    await resources
      .append(local, ops, { author, ...(expect === undefined ? {} : { expect }) })
      .catch(overtakenWhere('CONFLICT'));
  } finally {
    await followed.refresh(resource);
  }
}

/** For people who read the history: whoever acted, or the cluster for its owner. */
function authorOf({ signer }: WritingNeeds, caller: Caller | undefined): string {
  const principal =
    caller?.kind === 'principal' || caller?.kind === 'token' ? caller.principal : undefined;
  return principal ?? signer.name;
}
