// The audit as people see it, and what the rest of the node is told of it.
import {
  equalBytes,
  HansaError,
  reportOf,
  type Caller,
  type ErrorReport,
  type LocalId,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { History } from '../resources/contract.ts';
import { namesOf } from './classifying.ts';
import { chosenChains, oneChain } from './choosing.ts';
import {
  auditId,
  type Audit,
  type AuditPeerStatus,
  type AuditProblem,
  type AuditVerifying,
} from './contract.ts';
import { exportChain, type ExportingNeeds } from './exporting.ts';
import { sequenceOf, type CountersignedRow, type WitnessedRow } from './keys.ts';
import { listRecords } from './listing.ts';
import { fullness, planPrune, prune, type PruningNeeds } from './pruning.ts';
import type { Showing } from './showing.ts';
import type { AuditChain } from './chain.ts';
import { progressEvery, verifyChain, type Attested, type VerifyingNeeds } from './verifying.ts';
import { watchRecords, type FollowingNeeds } from './watching.ts';
import { forked, type Witnessing } from './witnessing.ts';

export interface AuditServiceNeeds
  extends FollowingNeeds, ExportingNeeds, PruningNeeds, VerifyingNeeds {
  readonly keys: ExportingNeeds['keys'] & VerifyingNeeds['keys'];
  readonly clock: PruningNeeds['clock'];
  readonly signer: PruningNeeds['signer'];
  readonly codec: PruningNeeds['codec'];
  readonly mirrors: FollowingNeeds['mirrors'];
  readonly history: Pick<History, 'leaf' | 'verify'>;
  readonly peers: Pick<Peers, 'resolve' | 'all' | 'standing'>;
  readonly witnessed: WatchedTable<WitnessedRow>;
  readonly countersigned: WatchedTable<CountersignedRow>;
  readonly witnessing: Witnessing;
  readonly showing: Showing;
}

export interface AuditService {
  readonly audit: Audit;
  /** What a person has to look at. */
  problems(): readonly ErrorReport[];
  /** What of it is about one peer, or about none. */
  problemsWith(peer: AuditPeerStatus['peer'] | undefined): readonly ErrorReport[];
}

export function createAudit(needs: AuditServiceNeeds): AuditService {
  const problems = (): readonly ErrorReport[] => allProblems(needs);
  const audit: Audit = {
    list: (asked) => listRecords(needs, asked),
    watch: (filter, call) => watchRecords(needs, filter, call?.signal),
    async *verify({ cluster }) {
      for (const chain of await chosenChains(needs, cluster)) {
        const seen = chain.own ? yield* lookAgain(needs, chain) : [];
        const attested = attestedOf(needs, chain);
        yield* verifyChain(needs, chain, { attested, problems: seen });
      }
    },
    async *export({ cluster }) {
      const chain = await oneChain(needs, cluster);
      const signed = attestedOf(needs, chain).map(({ countersignature }) => countersignature);
      yield* exportChain(needs, chain, signed);
    },
    plan: ({ beforeMs }) => planPrune(needs, beforeMs),
    prune: ({ beforeMs }, call) => prune(needs, beforeMs, authorOf(call?.caller)),
    async accept({ peer }) {
      const { cluster } = needs.peers.resolve(peer);
      await Promise.all([needs.witnessing.accept(cluster), needs.showing.accept(cluster)]);
      return { peer: cluster };
    },
    async status() {
      const tail = await needs.chain.tail();
      const start = await needs.chain.start();
      const last = tail?.sequence ?? 0;
      const peers = needs.peers.all().map((each) => peerStatus(needs, each));
      return { records: last - start.sequence, last, problems: problems(), peers };
    },
  };
  return { audit, problems, problemsWith: (peer) => problemsOf(needs, peer) };
}

function authorOf(caller: Caller | undefined): string {
  return caller === undefined ? 'owner' : namesOf(caller).principal;
}

function peerStatus(
  { witnessed, countersigned }: AuditServiceNeeds,
  { cluster: peer, name }: { readonly cluster: AuditPeerStatus['peer']; readonly name?: unknown },
): AuditPeerStatus {
  const theirs = witnessed.find(peer)?.value;
  const ours = countersigned.find(peer)?.value;
  return {
    peer,
    name: typeof name === 'string' ? name : peer.slice(0, 8),
    ours: ours?.kept.at(-1)?.head.sequence,
    theirs: theirs?.countersignature.head.sequence,
    forked: theirs?.fork !== undefined || ours?.fork !== undefined,
  };
}

/** Of our own, what others signed; of another's, what we signed. */
function attestedOf(needs: AuditServiceNeeds, chain: AuditChain): readonly Attested[] {
  const { witnessed, countersigned, peers, signer } = needs;
  if (!chain.own) {
    const row = witnessed.find(chain.cluster)?.value;
    return row === undefined ? [] : [{ name: signer.name, countersignature: row.countersignature }];
  }
  return [...countersigned.rows.values()].flatMap(({ value }) =>
    value.kept.map((countersignature) => {
      const { witness } = countersignature;
      const name = peers.standing(witness).name ?? witness.slice(0, 8);
      return { name, countersignature };
    }),
  );
}

/**
 * Each stored entry against the digest that heads of the resource sign: a store that was changed
 * behind our back still has the old digest.
 */
async function* lookAgain(
  { resources, history }: AuditServiceNeeds,
  chain: AuditChain,
): AsyncGenerator<AuditVerifying, readonly AuditProblem[]> {
  const there = resources.find(auditId) !== undefined;
  const snapshot = there ? await resources.snapshot(auditId) : undefined;
  if (snapshot === undefined) {
    return [];
  }
  await signedNow(resources, history, snapshot.position);
  const problems: AuditProblem[] = [];
  const total = (await chain.tail())?.sequence ?? 0;
  let done = 0;
  for await (const { key, hash } of snapshot.trie.leaves([])) {
    done += 1;
    if (done % progressEvery === 0) {
      yield { type: 'progress', clusterName: `${chain.name}, digest`, done, total };
    }
    const entry = await snapshot.entry(key);
    if (entry === undefined || !equalBytes(hash, history.leaf(entry))) {
      const sequence = sequenceOf(key);
      const what = sequence === undefined ? 'an entry' : `record ${sequence}`;
      const sentence = `${what} is not what the signed digest of its resource is made of`;
      problems.push({ what: 'head', sequence, sentence });
    }
  }
  // Leaves come in the order of hashes; the first record that is wrong is what people want.
  return problems.toSorted((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0));
}

async function signedNow(
  resources: AuditServiceNeeds['resources'],
  history: Pick<History, 'verify'>,
  position: Parameters<AuditServiceNeeds['resources']['sign']>[1],
): Promise<void> {
  const id: LocalId = auditId;
  const head = await resources.sign(id, position).catch((error: unknown) => {
    if (error instanceof HansaError && error.code === 'FEDERATION_OFF') {
      return undefined; // without its key a cluster has no heads; its chain is looked at anyhow
    }
    throw error;
  });
  if (head !== undefined) {
    history.verify(head);
  }
}

/** Of the node itself; of a peer, where one is named. */
function problemsOf(
  needs: AuditServiceNeeds,
  peer: AuditPeerStatus['peer'] | undefined,
): readonly ErrorReport[] {
  if (peer !== undefined) {
    return problemsWith(needs, peer);
  }
  const failed = needs.writer.problem() ?? fullness(needs);
  return failed === undefined ? [] : [reportOf(failed)];
}

function problemsWith(
  needs: AuditServiceNeeds,
  peer: AuditPeerStatus['peer'],
): readonly ErrorReport[] {
  const theirs = needs.witnessed.find(peer)?.value;
  const ours = needs.countersigned.find(peer)?.value;
  const name = needs.peers.standing(peer).name ?? peer.slice(0, 8);
  const last = ours?.kept.at(-1);
  const found = [
    ours?.fork === undefined || last === undefined
      ? []
      : [behindOurPast(name, last.head.sequence, ours.fork)],
    theirs?.fork === undefined
      ? []
      : [forked(peer, theirs.countersignature.head, theirs.fork.other)],
  ];
  return found.flat().map(reportOf);
}

/** Of peers that are not linked any more as well: what they showed stays shown. */
function allProblems(needs: AuditServiceNeeds): readonly ErrorReport[] {
  const { witnessed, countersigned } = needs;
  const peers = new Set([
    ...[...witnessed.rows.values()].map(({ value }) => value.countersignature.head.cluster),
    ...[...countersigned.rows.values()].flatMap(({ value }) => value.kept.at(-1)?.witness ?? []),
  ]);
  return [undefined, ...peers].flatMap((peer) => problemsOf(needs, peer));
}

function behindOurPast(
  name: string,
  signed: number,
  { sequence, hash }: { readonly sequence: number; readonly hash: string },
): HansaError {
  const here = hash === '' ? `ours ends at ${sequence}` : `record ${sequence} here is another one`;
  return new HansaError(
    'AUDIT_FORKED',
    `${name} has countersigned record ${signed} of our audit, and ${here}: records were lost or ` +
      'changed',
  );
}
