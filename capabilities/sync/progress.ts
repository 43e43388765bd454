// What beats say about mirrors, and what is made of it: the proof of progress behind a link's
// status.
import {
  equalBytes,
  HansaError,
  remote,
  reportOf,
  splitFederatedId,
  hashTranscript,
  type ClusterId,
  type Crypto,
  type FederatedId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { Peers, ProgressSource } from '../links/contract.ts';
import type { Enforcement } from '../policies/contract.ts';
import type { History, ResourceLog } from '../resources/contract.ts';
import { challengeAnswer, chancePrefix, entriesOf } from './challenges.ts';
import type { MirrorState } from './contract.ts';
import type { Copies } from './copies.ts';
import { heldRowsMax, syncPeerContract, type HeldRow } from './wire.ts';

export interface ProgressNeeds {
  readonly crypto: Crypto;
  readonly cluster: ClusterId;
  readonly copies: Copies;
  readonly resources: ResourceLog;
  readonly enforcement: Enforcement;
  readonly peers: Peers;
  readonly random: Random;
  readonly log: Log;
  readonly history: History;
  stateOf(resource: FederatedId): MirrorState;
  /** What a peer holds of ours, with every beat that is judged. */
  heard?(peer: ClusterId, rows: readonly HeldRow[]): void;
}

// In the middle of a batch, where no owner stands that goes on: it is compared with nothing.
const unknownDigest = new Uint8Array(32);

/**
 * What we hold of an owner's resources, sorted by id; the root a beat carries is over these rows.
 */
export function heldRows({ copies }: Pick<ProgressNeeds, 'copies'>, owner: ClusterId): HeldRow[] {
  return copies
    .of(owner)
    .slice(0, heldRowsMax)
    .flatMap((resource) => {
      const applied = copies.applied.find(resource)?.value;
      if (applied === undefined || applied.repairing === true) {
        return [];
      }
      const { epoch, sequence, digest = unknownDigest } = applied;
      return [{ resource, epoch, sequence, digest }];
    });
}

export function rowsRoot(crypto: Crypto, rows: readonly HeldRow[]): Uint8Array {
  const fields = rows.flatMap(({ resource, epoch, sequence, digest }) => [
    resource,
    epoch,
    sequence,
    digest,
  ]);
  return hashTranscript(crypto, 'hansa/held/1', fields);
}

export interface Progress extends ProgressSource {
  /** Asks every peer for proof that it still has one of the resources it says it holds. */
  challengeAll(signal: AbortSignal): Promise<void>;
}

export function createProgress(needs: ProgressNeeds): Progress {
  const known = new Map<ClusterId, { root: Uint8Array; rows: readonly HeldRow[] }>();
  const failed = new Map<ClusterId, ReadonlySet<FederatedId>>();
  return {
    async challengeAll(signal) {
      for (const [peer, { rows }] of known) {
        // Who failed is asked about the same again, so that a link is not red longer than it is
        // wrong.
        const failures = rows.filter(({ resource }) => failed.get(peer)?.has(resource) === true);
        const row = failures[0] ?? rows[Math.floor(needs.random.fraction() * rows.length)];
        if (row === undefined || !needs.peers.connected(peer)) {
          continue;
        }
        try {
          const proven = await challenge(needs, { peer, row, signal });
          const others = failures
            .map(({ resource }) => resource)
            .filter((id) => id !== row.resource);
          failed.set(peer, new Set(proven ? others : [...others, row.resource]));
        } catch (error) {
          // Silence proves nothing, and must not spare the other peers their question.
          needs.log.event('sync.unproven', { peer, reason: reportOf(error).code });
        }
      }
    },
    held(peer) {
      const behind = needs.copies
        .of(peer)
        .filter((resource) => !['current', 'absent', 'frozen'].includes(needs.stateOf(resource)));
      return { root: rowsRoot(needs.crypto, heldRows(needs, peer)), missing: behind.length };
    },
    async judge(peer, said, signal) {
      let rows = known.get(peer);
      if (rows === undefined || !equalBytes(rows.root, said.root)) {
        rows = await ask(needs, peer, { root: said.root, signal });
        known.set(peer, rows);
      }
      needs.heard?.(peer, rows.rows);
      const { behind, diverged } = await count(needs, peer, rows.rows);
      // A mirror that is not held any more cannot differ.
      const unproven = rows.rows.filter(({ resource }) => failed.get(peer)?.has(resource) === true);
      return { behind, diverged: diverged + unproven.length };
    },
  };
}

async function ask(
  needs: ProgressNeeds,
  peer: ClusterId,
  given: { readonly root: Uint8Array; readonly signal: AbortSignal },
): Promise<{ root: Uint8Array; rows: readonly HeldRow[] }> {
  if (equalBytes(given.root, rowsRoot(needs.crypto, []))) {
    return { root: given.root, rows: [] };
  }
  const wire = remote(syncPeerContract, needs.peers.observer(peer));
  const { rows } = await wire.held({}, { signal: given.signal });
  const sorted = rows.toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
  const root = rowsRoot(needs.crypto, sorted);
  if (!equalBytes(root, given.root)) {
    throw new HansaError('CONFLICT', 'the peer moved on between its beat and its answer');
  }
  return { root, rows: sorted };
}

async function count(
  { resources, enforcement, cluster }: ProgressNeeds,
  peer: ClusterId,
  rows: readonly HeldRow[],
): Promise<{ behind: number; diverged: number }> {
  const readable = enforcement.visible(peer, 'pull');
  let behind = 0;
  let diverged = 0;
  for (const row of rows) {
    const { owner, local } = splitFederatedId(row.resource);
    const point = owner === cluster && readable.has(local) ? resources.point(local) : undefined;
    if (point === undefined) {
      continue; // what we do not serve any more cannot be behind
    }
    const same = row.epoch === point.epoch && row.sequence === point.sequence;
    const position = same ? await resources.position(local) : undefined;
    const isOther = position?.sequence === row.sequence && !equalBytes(row.digest, position.digest);
    diverged += isOther ? 1 : 0;
    behind += same ? 0 : 1;
  }
  return { behind, diverged };
}

/** False where the peer's entries are not ours at the very position that it says it holds. */
async function challenge(
  needs: ProgressNeeds,
  given: { readonly peer: ClusterId; readonly row: HeldRow; readonly signal: AbortSignal },
): Promise<boolean> {
  const { peer, row, signal } = given;
  const { owner, local } = splitFederatedId(row.resource);
  const snapshot = owner === needs.cluster ? await needs.resources.snapshot(local) : undefined;
  if (snapshot === undefined) {
    return true;
  }
  const asked = {
    salt: needs.random.bytes(32),
    prefix: await chancePrefix(snapshot.trie, needs.random),
  };
  const wire = remote(syncPeerContract, needs.peers.observer(peer));
  const said = await wire.challenge({ resource: row.resource, ...asked }, { signal });
  const { epoch, sequence } = snapshot.position;
  if (said.epoch !== epoch || said.sequence !== sequence) {
    return true; // only an answer at the position that we hash proves or disproves anything
  }
  const { entries } = await entriesOf(snapshot.trie, asked.prefix, (key) => snapshot.entry(key));
  return equalBytes(said.answer, challengeAnswer(needs, asked, entries));
}
