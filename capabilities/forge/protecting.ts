// Protections and signatures in the log of a repository: set, given, and asked for before refs
// move.
import { fromHex, HansaError, isHansaError, localId, type FederatedId } from '@hansa/foundation';
import { presentClaim } from '../identity/contract.ts';
import type { StoredRepository } from './caches.ts';
import { gitKind, type Forge, type Protection, type SignedRef } from './contract.ts';
import { refsKey, stateOf } from './entries.ts';
import type { RepositoryState } from './git.ts';
import {
  isSignatureKey,
  moveBytes,
  protectedMoves,
  protectionsRef,
  protectKey,
  protectOp,
  protects,
  requireQuorum,
  signatureOp,
  signedMoveFrom,
  tableFrom,
  tableName,
  type RefMove,
  type SignedMove,
} from './protections.ts';
import { ownRepository, type Parts } from './repositories.ts';

export async function protectionsOf(
  parts: Pick<Parts, 'codec' | 'crypto'>,
  repository: Pick<StoredRepository, 'entry'>,
): Promise<readonly Protection[]> {
  return tableFrom(parts, await repository.entry(protectKey));
}

export async function signaturesOf(
  parts: Pick<Parts, 'codec' | 'crypto'>,
  repository: Pick<StoredRepository, 'entries'>,
): Promise<readonly SignedMove[]> {
  const signed: SignedMove[] = [];
  for await (const { key, value } of repository.entries()) {
    if (isSignatureKey(key)) {
      signed.push(signedMoveFrom(parts, value));
    }
  }
  return signed;
}

/** REF_UNSIGNED where a protected ref would move without its delegates. */
export async function requireSigned(
  parts: Parts,
  repository: StoredRepository,
  moved: { readonly before: RepositoryState; readonly after: RepositoryState },
): Promise<void> {
  const table = await protectionsOf(parts, repository);
  const moves = protectedMoves(table, moved.before, moved.after);
  if (moves.length === 0) {
    return;
  }
  const signed = await signaturesOf(parts, repository);
  for (const move of moves) {
    const rules = table.filter((rule) => protects(rule, move.ref));
    requireQuorum(parts, rules, { resource: repository.resource, move, signed });
  }
}

export async function protect(
  parts: Parts,
  name: string,
  protections: readonly Protection[],
): ReturnType<Forge['protect']> {
  const id = localId(gitKind, name);
  const own = ownRepository(parts, id);
  const before = await protectionsOf(parts, own);
  const expect = parts.resources.point(id)?.sequence;
  const move = movedTable(parts, before, protections);
  if (move.from !== move.to) {
    const signed = await signaturesOf(parts, own);
    requireQuorum(parts, before, { resource: own.resource, move, signed });
    await parts.resources.append(id, [protectOp(parts, protections)], {
      author: parts.signer.name,
      expect,
    });
  }
  return { name, protections };
}

export function movedTable(
  parts: Pick<Parts, 'codec' | 'crypto'>,
  before: readonly Protection[],
  after: readonly Protection[],
): RefMove {
  return {
    ref: protectionsRef,
    from: tableName(parts, before),
    to: tableName(parts, after),
  };
}

type Given = Parameters<Forge['sign']>[0];

/** For a mirror the signature goes into our lane: its owner takes it from there. */
export async function giveSignature(
  parts: Parts,
  given: Given,
  signal: AbortSignal | undefined,
): Promise<SignedRef> {
  const own = !given.name.includes(':');
  const repository = own
    ? ownRepository(parts, localId(gitKind, given.name))
    : await mirroredRepository(parts, given.name);
  const move = await moveOf(parts, repository, given);
  const signed = signedMove(parts, repository.resource, { given, move });
  const id = own ? localId(gitKind, given.name) : await parts.lanes.open(repository.resource);
  await parts.resources.append(id, [signatureOp(parts, signed)], { author: parts.signer.name });
  if (!own) {
    await parts.lanes.offer(repository.resource, signal).catch(unlessAway);
  }
  const { ref, from, to, delegate } = signed;
  return { ref, from, to, delegate };
}

/** What waits in our lane is offered again when the owner is back. */
function unlessAway(error: unknown): void {
  if (!isHansaError(error, 'LINK_DOWN') && !isHansaError(error, 'CONNECTION_CLOSED')) {
    throw error;
  }
}

async function mirroredRepository(parts: Parts, name: string): Promise<StoredRepository> {
  const colon = name.indexOf(':');
  const [peer, rest] = [name.slice(0, colon), name.slice(colon + 1)] as const;
  const spelled = rest.startsWith(`${gitKind}/`) ? name : `${peer}:${gitKind}/${rest}`;
  const view = await parts.mirrors.view(parts.mirrors.resolve(spelled));
  if (view === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `nothing of ${name} has arrived here yet`);
  }
  return view;
}

async function moveOf(
  parts: Parts,
  repository: StoredRepository,
  { ref, to }: Given,
): Promise<RefMove> {
  const state = await stateOf(parts, await repository.entry(refsKey));
  const from =
    ref === protectionsRef
      ? tableName(parts, await protectionsOf(parts, repository))
      : (state.refs.find(({ name }) => name === ref)?.target ?? '');
  return { ref, from, to };
}

function signedMove(
  { crypto, signer }: Parts,
  resource: FederatedId,
  { given, move }: { readonly given: Given; readonly move: RefMove },
): SignedMove {
  const { delegate, signature } = given;
  const message = moveBytes(resource, move);
  if (delegate === undefined || signature === undefined) {
    const made = signer.sign(message);
    return { ...move, delegate: presentClaim(signer.keyLog()).key, signature: made.signature };
  }
  const bytes = fromHex(signature);
  if (!crypto.verify(fromHex(delegate), message, bytes)) {
    throw new HansaError('SIGNATURE_INVALID', 'the signature is not the delegate’s for this move', {
      fix: 'sign transcript hansa/ref-move/1: resource, ref, present object, new object',
    });
  }
  return { ...move, delegate, signature: bytes };
}
