// Holds the cluster's keys as they were handed in, its key log and its node's certificate.
import { createMutex, HansaError, reportOf, toHex } from '@hansa/foundation';
import type { ClusterId, Codec, ErrorReport, KeyValueStore, NodeId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { requireSeeds, renew, sign } from './certifying.ts';
import {
  twinShownMs,
  type Identity,
  type Inception,
  type KeyBook,
  type KeyLog,
  type Profile,
  type Rotation,
  type Signer,
} from './contract.ts';
import { createKeyBook } from './key-book.ts';
import { claimsOf, keyHash, makeInception, presentClaim, verifyKeyLog } from './key-log.ts';
import { identityTables, type IdentityTables } from './keys.ts';
import type { ActiveSeeds, IdentityNeeds, KeySeeds, Known } from './known.ts';
import { createIdentityPeer } from './peer-service.ts';
import { checkProof } from './proof.ts';
import { planRotation, rotate } from './rotating.ts';
import { keepTelling, tellTwin } from './telling.ts';
import type { IdentityPeer } from './wire.ts';

export type { IdentityNeeds, KeySeeds, KeyVault } from './known.ts';

const noNode = '0'.repeat(64) as NodeId; // shown where the node's key is unusable

export interface IdentityService {
  readonly identity: Identity;
  readonly signer: Signer;
  readonly peer: IdentityPeer;
  readonly keys: KeyBook;
  /** The reason why this cluster does not federate; undefined where it does. */
  readonly problem: HansaError | undefined;
  /** Issues a new certificate where half of the present one's time is over. */
  renew(): Promise<void>;
  /** Links come after identity: until they are here, a rotation has nobody to tell. */
  attach(peers: Peers): void;
  /** Tells peers of a rotation who were not there, or did not answer, when it was made. */
  keepTelling(signal: AbortSignal): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

/**
 * Whether the store was made with keys already: then a missing key is a loss, not a first start.
 */
export async function identityIsKnown(store: KeyValueStore, codec: Codec): Promise<boolean> {
  return (await identityTables(store, codec).inception.get()) !== undefined;
}

/** Whose store it is; undefined where no cluster was founded in it. */
export async function foundedCluster(
  store: KeyValueStore,
  codec: Codec,
): Promise<ClusterId | undefined> {
  return (await identityTables(store, codec).inception.get())?.value.cluster;
}

/** Finds the key log, or makes it on the first start; ends what a crash left of a rotation. */
export async function createIdentity(needs: IdentityNeeds): Promise<IdentityService> {
  const { codec, crypto, keys } = needs;
  const tables = identityTables(needs.store, codec);
  const inception = (await tables.inception.get())?.value ?? (await firstInception(needs));
  const keyLog: KeyLog = { inception, rotations: await storedRotations(tables) };
  const judged = judgeSeeds(needs, keyLog);
  const problem = judged instanceof HansaError ? judged : undefined;
  const seeds = judged instanceof HansaError ? undefined : judged;
  if (seeds !== undefined && !(keys instanceof HansaError) && isUnsettled(keys, seeds)) {
    await needs.vault?.settle(seeds);
    needs.log.event('identity.settled', { keyIndex: keyLog.rotations.length });
  }
  const keeper = createKeyBook({
    ...needs,
    own: () => known.keyLog,
    seenTwice: (cluster, instances) => tellTwin(known, cluster, instances),
  });
  const known: Known = {
    ...needs,
    tables,
    keyLog,
    problem,
    seeds,
    keeper,
    node: seeds === undefined ? noNode : (toHex(crypto.publicKey(seeds.node)) as NodeId),
    oneAtATime: createMutex(),
    certificate: undefined,
    peers: undefined,
    twins: new Map(),
  };
  return {
    signer: signerOf(known),
    peer: createIdentityPeer(known),
    keepTelling: (signal) => keepTelling(known, signal),
    keys: keeper.book,
    problem,
    renew: () => renew(known),
    attach(peers) {
      known.peers = peers;
    },
    start: (signal) => keeper.start(signal),
    identity: identityOf(known),
  };
}

async function storedRotations(tables: IdentityTables): Promise<readonly Rotation[]> {
  const rotations: Rotation[] = [];
  for await (const { value } of tables.rotations.rows()) {
    rotations.push(value);
  }
  return rotations;
}

function identityOf(known: Known): Identity {
  return {
    show: async () => profileOf(known),
    async log() {
      const claims = claimsOf(known.keyLog);
      const keys = claims.map((claim, index) => {
        const state = index === claims.length - 1 ? ('present' as const) : ('retired' as const);
        const rotation = known.keyLog.rotations[index - 1];
        return rotation === undefined
          ? { ...claim, state }
          : { ...claim, state, previousSigned: rotation.previousSignature !== undefined };
      });
      return { keys };
    },
    plan: async () => (await planRotation(known)).plan,
    rotate: (_input, call) => known.oneAtATime.run(() => rotate(known, call?.signal)),
    async forget({ peer }) {
      const cluster = known.peers?.resolve(peer).cluster;
      if (cluster === undefined) {
        throw new HansaError('LINK_NOT_FOUND', `no link is called "${peer}"`);
      }
      await known.keeper.forget(cluster);
      known.log.event('identity.forgot', { cluster });
      return { cluster };
    },
  };
}

function signerOf(known: Known): Signer {
  const { crypto, clock, node, name } = known;
  return {
    cluster: known.keyLog.inception.cluster,
    node,
    name,
    get keyIndex() {
      return known.keyLog.rotations.length;
    },
    sign: (message) => sign(known, message),
    proof() {
      requireSeeds(known);
      if (known.certificate === undefined) {
        throw new HansaError('CERTIFICATE_INVALID', 'this node has no certificate yet');
      }
      return { ...known.keyLog, certificate: known.certificate, name };
    },
    keyLog: () => known.keyLog,
    check: (proof, remote) =>
      checkProof(crypto, { proof, remote, nowMs: clock.now(), judge: known.keeper.judge }),
  };
}

function profileOf(known: Known): Profile {
  const { keyLog, name, node, problem, certificate } = known;
  const { keyIndex, nextKeyHash } = presentClaim(keyLog);
  return {
    cluster: keyLog.inception.cluster,
    name,
    node,
    createdMs: keyLog.inception.createdMs,
    keyIndex,
    nextKeyHash,
    federation: problem === undefined ? 'on' : 'off',
    problem: problem === undefined ? undefined : reportOf(problem),
    warnings: warningsOf(known),
    certificate:
      certificate === undefined
        ? undefined
        : {
            serial: certificate.serial,
            notBeforeMs: certificate.notBeforeMs,
            notAfterMs: certificate.notAfterMs,
          },
  };
}

/** What peers have seen lately that a person has to act on. */
function warningsOf({ twins, peers, clock }: Known): readonly ErrorReport[] {
  const now = clock.now();
  return [...twins]
    .filter(([, { seenMs }]) => now - seenMs < twinShownMs)
    .map(([by, { instances }]) => {
      const name = peers?.standing(by).name ?? `${by.slice(0, 8)}…`;
      const sentence = `${name} meets this cluster in ${instances} processes by turns`;
      return reportOf(new HansaError('IDENTITY_TWICE', sentence));
    });
}

async function firstInception(needs: IdentityNeeds): Promise<Inception> {
  const { store, codec, crypto, clock, keys, log } = needs;
  if (keys instanceof HansaError) {
    throw keys;
  }
  const tables = identityTables(store, codec);
  const inception = makeInception(crypto, { first: keys.cluster, next: keys.next }, clock.now());
  await store.batchWrite([tables.inception.put([], inception)]);
  log.event('identity.made', { cluster: inception.cluster });
  return inception;
}

/**
 * The seeds that the log asks for, in whichever file a crash during a rotation left them; or why
 * they are not there.
 */
function judgeSeeds(needs: IdentityNeeds, keyLog: KeyLog): ActiveSeeds | HansaError {
  const { crypto, keys } = needs;
  if (keys instanceof HansaError) {
    return keys;
  }
  try {
    verifyKeyLog(crypto, keyLog);
  } catch (cause) {
    return new HansaError('STORE_DAMAGED', 'the stored key log does not verify', { cause });
  }
  const present = presentClaim(keyLog);
  const candidates = [keys.cluster, keys.next, ...(keys.after === undefined ? [] : [keys.after])];
  // Without a rotation under way, each file has its one purpose: exchanged files are a mistake.
  const inPlace = keyLog.rotations.length === 0 ? [keys.cluster] : candidates;
  const cluster = inPlace.find((seed) => toHex(crypto.publicKey(seed)) === present.key);
  const next = candidates.find((seed) => keyHash(crypto, seed) === present.nextKeyHash);
  if (cluster === undefined) {
    return new HansaError(
      'KEY_MISMATCH',
      `the cluster key is that of ${toHex(crypto.publicKey(keys.cluster)).slice(0, 8)}…, ` +
        `but key ${present.keyIndex} of this cluster is ${present.key.slice(0, 8)}…`,
    );
  }
  return next === undefined
    ? new HansaError('KEY_MISMATCH', 'the next key is not the one that this cluster has promised')
    : { cluster, next, node: keys.node };
}

/** A rotation was cut short: before its record was kept, or after. */
function isUnsettled(keys: KeySeeds, { cluster, next }: ActiveSeeds): boolean {
  return keys.after !== undefined || keys.cluster !== cluster || keys.next !== next;
}
