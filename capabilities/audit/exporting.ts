// An audit as evidence: what is signed first, so that a file that was cut off says so; then every
// record. Of a mirror, as far as its owner has signed a head to us.
import { HansaError, toHex, type ClusterId } from '@hansa/foundation';
import type { KeyBook, KeyLog, Signer } from '../identity/contract.ts';
import type { AuditEvidence, AuditHead, Countersignature } from './contract.ts';
import { firstHash } from './record.ts';
import { signHead } from './signing.ts';
import type { AuditChain, ChainNeeds } from './chain.ts';

export interface ExportingNeeds extends ChainNeeds {
  readonly signer: Signer;
  readonly keys: Pick<KeyBook, 'log'>;
  readonly clock: { now(): number };
}

export async function* exportChain(
  needs: ExportingNeeds,
  chain: AuditChain,
  countersignatures: readonly Countersignature[],
): AsyncIterable<AuditEvidence> {
  const { cluster, name } = chain;
  yield { kind: 'audit', format: 'hansa/evidence/1', cluster, name };
  const clusters = new Set([cluster, ...countersignatures.map(({ witness }) => witness)]);
  for (const each of clusters) {
    yield* keyLogOf(needs, each);
  }
  const anchor = await chain.anchor();
  if (anchor !== undefined) {
    yield { kind: 'audit-anchor', ...anchor };
  }
  const head = await lastHead(needs, chain, countersignatures);
  yield { kind: 'audit-head', ...head };
  const { sequence: anchored } = await chain.start();
  for (const each of countersignatures) {
    // What was signed of records that were pruned since can be held against nothing.
    if (each.head.sequence >= anchored) {
      yield { kind: 'audit-countersignature', ...each };
    }
  }
  for (let sequence = anchored + 1; sequence <= head.sequence; sequence += 1) {
    const record = await chain.record(sequence);
    // What is missing is left out, and named by whoever reads the file.
    if (record !== undefined) {
      yield { kind: 'audit-record', cluster, ...record };
    }
  }
}

/** Our own, signed now; of a mirror, the newest that we were shown. */
async function lastHead(
  { signer, crypto, clock }: ExportingNeeds,
  chain: AuditChain,
  countersignatures: readonly Countersignature[],
): Promise<AuditHead> {
  const tail = await chain.tail();
  if (chain.own && tail !== undefined) {
    const prior = { sequence: 0, hash: firstHash(crypto, chain.cluster) };
    return signHead(signer, tail, { prior, atMs: clock.now() });
  }
  const last = countersignatures.at(-1);
  if (last === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', `no head of the audit of ${chain.name} is here`, {
      fix: 'export it on its own cluster',
    });
  }
  return last.head;
}

function* keyLogOf({ signer, keys }: ExportingNeeds, cluster: ClusterId): Iterable<AuditEvidence> {
  const log = cluster === signer.cluster ? ownLog(signer) : keys.log(cluster);
  if (log !== undefined) {
    yield {
      kind: 'key-log',
      inception: { ...log.inception, signature: toHex(log.inception.signature) },
      rotations: log.rotations.map(({ signature, previousSignature, ...rest }) => ({
        ...rest,
        signature: toHex(signature),
        ...(previousSignature === undefined ? {} : { previousSignature: toHex(previousSignature) }),
      })),
    };
  }
}

function ownLog(signer: Signer): KeyLog | undefined {
  try {
    return signer.keyLog();
  } catch {
    return undefined; // federation is off: the first key is the cluster's id, and needs no log
  }
}
