// Lanes of repositories: what others pushed for us moves our refs by fast-forward and within our
// protections; everything else is a conflict that names both sides.
import { fromHex, HansaError, isHansaError, type ClusterId } from '@hansa/foundation';
import type { ConflictSide, FoundConflict, LaneKind, Promotion } from '../lanes/contract.ts';
import type { ChangeOp } from '../resources/contract.ts';
import { headAfter, putPack } from './accepting.ts';
import type { StoredRepository } from './caches.ts';
import { gitKind } from './contract.ts';
import { packOp, refsKey, refsOp, stateOf } from './entries.ts';
import type { ObjectId, Ref, RepositoryState } from './git.ts';
import { holdWhatIsPut } from './holding.ts';
import { protectionsOf, signaturesOf } from './protecting.ts';
import { moveBytes, protects, requireQuorum, signatureOp, type SignedMove } from './protections.ts';
import { refNameClashes } from './ref-name.ts';
import { ownRepository, type Parts } from './repositories.ts';

const attemptsMax = 8; // pushes by our own people come in between
const signaturesPerRunMax = 32; // the rest comes with the next run
const refsPerRunMax = 10_000; // one change moves them all

export function createGitLanes(parts: Parts): LaneKind {
  return {
    kind: gitKind,
    promote: (promotion) => promote(parts, promotion),
    async resolve({ key, take: side, ...promotion }) {
      if (side === 'theirs') {
        await takeTheirs(parts, promotion, key);
      }
    },
  };
}

interface Meeting {
  readonly own: StoredRepository;
  readonly ours: RepositoryState;
  readonly theirs: RepositoryState;
  /** Of our repository. */
  readonly sequence: number;
  readonly signed: readonly SignedMove[];
  /** Signatures that the lane brings. */
  readonly brought: readonly SignedMove[];
}

async function meet(parts: Parts, { resource, lane }: Promotion): Promise<Meeting> {
  const { resources, caches } = parts;
  const own = ownRepository(parts, resource);
  await caches.ready(own);
  await caches.ready(lane);
  const position = resources.point(resource);
  if (position === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${resource} here`);
  }
  const ours = await stateOf(parts, await own.entry(refsKey));
  const theirs = await stateOf(parts, await lane.entry(refsKey));
  const table = await protectionsOf(parts, own);
  const known = table.length === 0 ? [] : await signaturesOf(parts, own);
  const offered = table.length === 0 ? [] : await signaturesOf(parts, lane);
  const brought = offered.filter(
    (each) =>
      table.some(({ delegates }) => delegates.includes(each.delegate)) &&
      !known.some((one) => sameMove(one, each)) &&
      parts.crypto.verify(fromHex(each.delegate), moveBytes(own.resource, each), each.signature),
  );
  return {
    own,
    ours,
    theirs,
    sequence: position.sequence,
    signed: [...known, ...brought],
    brought: brought.slice(0, signaturesPerRunMax),
  };
}

function sameMove(a: SignedMove, b: SignedMove): boolean {
  return a.ref === b.ref && a.from === b.from && a.to === b.to && a.delegate === b.delegate;
}

async function promote(parts: Parts, promotion: Promotion): ReturnType<LaneKind['promote']> {
  for (let attempt = 1; ; attempt += 1) {
    const meeting = await meet(parts, promotion);
    const { moves, conflicts } = await sorted(parts, promotion, meeting);
    try {
      const taken = await take(parts, promotion, { meeting, moves });
      return { taken, conflicts };
    } catch (error) {
      if (!isHansaError(error, 'CONFLICT') || attempt >= attemptsMax) {
        throw error;
      }
    }
  }
}

/** What moves and what cannot, ref by ref. */
async function sorted(
  parts: Parts,
  promotion: Promotion,
  meeting: Meeting,
): Promise<{ readonly moves: readonly Ref[]; readonly conflicts: readonly FoundConflict[] }> {
  const ours = new Map(meeting.ours.refs.map(({ name, target }) => [name, target]));
  const moves: Ref[] = [];
  const conflicts: FoundConflict[] = [];
  for (const ref of meeting.theirs.refs.slice(0, refsPerRunMax)) {
    promotion.signal.throwIfAborted();
    const from = ours.get(ref.name);
    if (from === ref.target || (await isBehind(parts, promotion, { from, to: ref.target }))) {
      continue;
    }
    const reason = await obstacle(parts, promotion, { meeting, ref, from });
    if (reason === undefined) {
      moves.push(ref);
      ours.set(ref.name, ref.target);
    } else {
      conflicts.push(conflictOf(parts, promotion, { ref, from, reason }));
    }
  }
  return { moves, conflicts };
}

/** Ours has theirs in its history already: there is nothing to take. */
async function isBehind(
  { git, caches }: Parts,
  { lane }: Promotion,
  { from, to }: { readonly from: ObjectId | undefined; readonly to: ObjectId },
): Promise<boolean> {
  return from !== undefined && (await ancestor({ git, caches }, lane, [to, from]));
}

/** What is no commit has no history: then only equal is equal. */
async function ancestor(
  { git, caches }: Pick<Parts, 'git' | 'caches'>,
  lane: StoredRepository,
  [older, newer]: readonly [ObjectId, ObjectId],
): Promise<boolean> {
  return git.isAncestor(caches.key(lane), older, newer).catch((error: unknown) => {
    if (isHansaError(error, 'GIT_CLOSURE_INCOMPLETE')) {
      return false;
    }
    throw error;
  });
}

async function obstacle(
  parts: Parts,
  { lane }: Promotion,
  given: { readonly meeting: Meeting; readonly ref: Ref; readonly from: ObjectId | undefined },
): Promise<string | undefined> {
  const { meeting, ref, from } = given;
  if (from !== undefined && !(await ancestor(parts, lane, [from, ref.target]))) {
    return 'both moved it: theirs does not contain ours';
  }
  const names = meeting.ours.refs.map(({ name }) => name).filter((name) => name !== ref.name);
  const [clash] = refNameClashes([...names, ref.name]);
  if (clash?.includes(ref.name) === true) {
    return `git cannot hold it beside ${clash.find((name) => name !== ref.name) ?? 'another'}`;
  }
  return unsigned(parts, meeting, { ref: ref.name, from: from ?? '', to: ref.target });
}

async function unsigned(
  parts: Parts,
  { own, signed }: Meeting,
  move: { readonly ref: string; readonly from: string; readonly to: string },
): Promise<string | undefined> {
  const table = await protectionsOf(parts, own);
  const rules = table.filter((rule) => protects(rule, move.ref));
  try {
    requireQuorum(parts, rules, { resource: own.resource, move, signed });
    return undefined;
  } catch (error) {
    if (isHansaError(error, 'REF_UNSIGNED')) {
      return error.message;
    }
    throw error;
  }
}

/** One change: the pack of what is new, the refs, and the signatures that allow them. */
async function take(
  parts: Parts,
  { resource, lane, writer }: Promotion,
  given: { readonly meeting: Meeting; readonly moves: readonly Ref[] },
): Promise<number> {
  const { meeting, moves } = given;
  if (moves.length === 0 && meeting.brought.length === 0) {
    return 0;
  }
  const holding = holdWhatIsPut(parts.blobs);
  try {
    const held: Parts = { ...parts, blobs: holding.blobs };
    const ops: ChangeOp[] = meeting.brought.map((each) => signatureOp(parts, each));
    if (moves.length > 0) {
      ops.push(...(await moveOps(held, { meeting, moves, lane })));
    }
    const { sequence } = meeting;
    await parts.resources.append(resource, ops, { author: writer, expect: sequence });
  } finally {
    holding.release();
  }
  const { caches } = parts;
  const key = caches.key(meeting.own);
  caches.doubt(key);
  await caches.ready(meeting.own);
  return moves.length;
}

async function moveOps(
  parts: Parts,
  given: {
    readonly meeting: Meeting;
    readonly moves: readonly Ref[];
    readonly lane: StoredRepository;
  },
): Promise<readonly ChangeOp[]> {
  const { meeting, moves, lane } = given;
  const refs = new Map(meeting.ours.refs.map(({ name, target }) => [name, target]));
  moves.forEach(({ name, target }) => refs.set(name, target));
  const table = { ...meeting.ours, refs: [...refs].map(([name, target]) => ({ name, target })) };
  const ops = [await refsOp(parts, { ...table, head: headAfter(table) })];
  const pack = await parts.git.packOf(parts.caches.key(lane), {
    want: moves.map(({ target }) => target),
    have: meeting.ours.refs.map(({ target }) => target),
  });
  if (pack !== undefined) {
    ops.push(packOp(meeting.sequence, await putPack(parts, pack)));
  }
  return ops;
}

/** A person's decision moves the ref whatever its history; delegates are asked all the same. */
async function takeTheirs(parts: Parts, promotion: Promotion, name: string): Promise<void> {
  const meeting = await meet(parts, promotion);
  const ref = meeting.theirs.refs.find((each) => each.name === name);
  if (ref === undefined) {
    return; // they took it back meanwhile
  }
  const from = meeting.ours.refs.find((each) => each.name === name)?.target ?? '';
  const refusal = await unsigned(parts, meeting, { ref: name, from, to: ref.target });
  if (refusal !== undefined) {
    throw new HansaError('REF_UNSIGNED', refusal);
  }
  await take(parts, promotion, { meeting, moves: [ref] });
}

function conflictOf(
  parts: Parts,
  { writer }: Promotion,
  given: { readonly ref: Ref; readonly from: ObjectId | undefined; readonly reason: string },
): FoundConflict {
  const { ref, from, reason } = given;
  const side = (author: string, target: ObjectId | undefined): ConflictSide => ({
    author,
    shown: target?.slice(0, 12) ?? 'absent',
    version: target ?? '',
  });
  return {
    key: ref.name,
    reason,
    ours: side(parts.signer.name, from),
    theirs: side(writerName(parts, writer), ref.target),
  };
}

function writerName({ mirrors }: Parts, writer: ClusterId): string {
  const known = mirrors.all().find(({ owner }) => owner === writer);
  return known?.ownerName ?? writer.slice(0, 8);
}
