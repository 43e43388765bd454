// Evidence of one resource, in pieces: who the owner is, the head that it signed, and what that
// head says, either as the present entries or as the changes that led there.
import { HansaError, splitFederatedId, type FederatedId, type LocalId } from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type {
  History,
  Point,
  Position,
  ResourceEntry,
  ResourceLog,
  SequencedChange,
} from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import {
  certificateEvidence,
  changesEvidence,
  entriesEvidence,
  headEvidence,
  keyLogEvidence,
  type EvidenceItem,
} from './evidence-item.ts';

// one line of the stream; a reader holds one at a time
const pieceBytesMax: number = 512 * 1_024;
// what fits, in hex, into one text of the program that checks it
export const evidenceBytesMax: number = 128 * 1_024 * 1_024;

export interface ExportingNeeds {
  readonly signer: Signer;
  readonly keys: KeyBook;
  readonly history: History;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
}

export async function* exportEvidence(
  needs: ExportingNeeds,
  resource: FederatedId,
  since: number | undefined,
): AsyncIterable<EvidenceItem> {
  const { owner, local } = splitFederatedId(resource);
  const isOurs = owner === needs.signer.cluster;
  const log = isOurs ? needs.signer.keyLog() : needs.keys.log(owner);
  if (log !== undefined) {
    yield keyLogEvidence(log);
  }
  if (!isOurs) {
    yield* exportMirror(needs, resource, since);
    return;
  }
  yield certificateEvidence(needs.signer.proof().certificate);
  yield* since === undefined
    ? exportEntries(needs, resource, local)
    : exportChanges(needs, { resource, local, since });
}

async function* exportEntries(
  { resources }: ExportingNeeds,
  resource: FederatedId,
  local: LocalId,
): AsyncIterable<EvidenceItem> {
  const snapshot = await resources.snapshot(local);
  if (snapshot === undefined) {
    throw gone(local);
  }
  const { position } = snapshot;
  yield headEvidence(await resources.sign(local, position));
  const entries = async function* entriesThen(): AsyncIterable<ResourceEntry> {
    for await (const { key } of snapshot.trie.leaves([])) {
      const entry = await snapshot.entry(key);
      if (entry !== undefined) {
        yield entry;
      }
    }
  };
  yield* entryPieces({ resource, ...position }, entries());
}

async function* exportMirror(
  { mirrors }: ExportingNeeds,
  resource: FederatedId,
  since: number | undefined,
): AsyncIterable<EvidenceItem> {
  if (since !== undefined) {
    throw new HansaError('INPUT_INVALID', 'a mirror keeps entries, and no changes', {
      fix: 'leave --since out, or export on the owner',
    });
  }
  const head = mirrors.head(resource);
  const view = await mirrors.view(resource);
  const applied = mirrors.find(resource)?.applied;
  if (head === undefined || view === undefined || applied === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `nothing of ${resource} has been applied here yet`);
  }
  yield headEvidence(head);
  // Between the groups of a batch a mirror stands before its head, and has nothing to show for it.
  if (applied.epoch === head.epoch && applied.sequence === head.sequence) {
    yield* entryPieces({ resource, epoch: head.epoch, sequence: head.sequence }, view.entries());
  }
}

async function* entryPieces(
  at: { readonly resource: FederatedId; readonly epoch: number; readonly sequence: number },
  entries: AsyncIterable<ResourceEntry>,
): AsyncIterable<EvidenceItem> {
  const room = createRoom();
  let piece: ResourceEntry[] = [];
  for await (const entry of entries) {
    piece.push(entry);
    if (room.isFull(entry.key.length + entry.value.length)) {
      yield entriesEvidence(at, piece);
      piece = [];
    }
  }
  yield entriesEvidence(at, piece);
}

async function* exportChanges(
  needs: ExportingNeeds,
  wanted: { readonly resource: FederatedId; readonly local: LocalId; readonly since: number },
): AsyncIterable<EvidenceItem> {
  const { resources, history } = needs;
  const { resource, local } = wanted;
  const end = await resources.position(local);
  if (end === undefined) {
    throw gone(local);
  }
  yield headEvidence(await resources.sign(local, end));
  const begin = await knownPoint(needs, wanted, end);
  const room = createRoom();
  let after: Start | undefined = begin;
  let chain = begin?.chain ?? history.firstChain(resource, end.epoch);
  let piece: SequencedChange[] = [];
  const from = { epoch: end.epoch, sequence: begin?.sequence ?? 0 };
  for await (const each of resources.changes(local, from)) {
    if (each.sequence > end.sequence) {
      break; // what has come meanwhile is beyond the head that was signed
    }
    after ??= { epoch: end.epoch, sequence: each.change.previous, chain };
    chain = history.nextChain(chain, each.change);
    piece.push(each);
    if (room.isFull(sizeOf(each))) {
      yield changesEvidence(resource, after, piece);
      after = { epoch: end.epoch, sequence: each.sequence, chain };
      piece = [];
    }
  }
  if (piece.length > 0 && after !== undefined) {
    yield changesEvidence(resource, after, piece);
  }
}

type Start = Pick<Point, 'epoch' | 'sequence' | 'chain'>;

/**
 * The last point at or before the wanted one whose chain is known; undefined where that is the
 * beginning of the epoch. Of what was compacted, the oldest point that is kept.
 */
async function knownPoint(
  { resources }: ExportingNeeds,
  { local, since }: { readonly local: LocalId; readonly since: number },
  end: Position,
): Promise<Start | undefined> {
  const kept = await resources.keptAfter(local);
  const wanted = Math.max(since, kept);
  let found: Start | undefined;
  for await (const point of resources.checkpoints(local, { epoch: end.epoch, sequence: 0 })) {
    if (point.sequence > wanted) {
      break;
    }
    found = point;
  }
  return found;
}

function sizeOf({ change }: SequencedChange): number {
  return change.ops.reduce(
    (sum, op) =>
      sum + ('put' in op ? op.put.key.length + op.put.value.length : op.delete.key.length),
    0,
  );
}

/** Counts what was put into pieces: INPUT_TOO_LARGE where no file could hold the whole. */
function createRoom(): { isFull(bytes: number): boolean } {
  const ofEach = 128; // names, numbers and quotes around what is counted
  let [piece, whole] = [0, 0];
  return {
    isFull(bytes) {
      piece += bytes + ofEach;
      whole += bytes + ofEach;
      if (whole > evidenceBytesMax) {
        throw new HansaError('INPUT_TOO_LARGE', 'the evidence is more than one file can hold', {
          fix: 'export changes from a later point: --since <sequence>',
          facts: { evidenceBytesMax },
        });
      }
      const full = piece >= pieceBytesMax;
      piece = full ? 0 : piece;
      return full;
    },
  };
}

function gone(local: LocalId): HansaError {
  return new HansaError('RESOURCE_NOT_FOUND', `there is no ${local} here`);
}
