// Holds the cluster's keys as they were handed in, its inception record and its node's certificate.
import { HansaError, reportOf, toHex } from '@hansa/foundation';
import type { Clock, Codec, Crypto, KeyValueStore, Log, NodeId } from '@hansa/foundation';
import {
  certificateRenewMs,
  certificateValidityMs,
  type Identity,
  type Inception,
  type NodeCertificate,
  type Profile,
  type Signer,
} from './contract.ts';
import { identityTables, type IdentityTables } from './keys.ts';
import { certificateBytes, checkProof, inceptionVerifies, makeInception } from './proof.ts';

const noNode = '0'.repeat(64) as NodeId; // shown where the node's key is unusable

/** 32-byte seeds, or the reason why there are none: a bad key file must not stop local service. */
export interface KeySeeds {
  readonly cluster: Uint8Array;
  readonly next: Uint8Array;
  readonly node: Uint8Array;
}

export interface IdentityNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: KeySeeds | HansaError;
  readonly name: string;
}

export interface IdentityService {
  readonly identity: Identity;
  readonly signer: Signer;
  /** The reason why this cluster does not federate; undefined where it does. */
  readonly problem: HansaError | undefined;
  /** Issues a new certificate where half of the present one's time is over. */
  renew(): Promise<void>;
}

/**
 * Whether the store was made with keys already: then a missing key is a loss, not a first start.
 */
export async function identityIsKnown(store: KeyValueStore, codec: Codec): Promise<boolean> {
  return (await identityTables(store, codec).inception.get()) !== undefined;
}

/** What a cluster is, once its inception record is found and its keys are judged by it. */
interface Known extends IdentityNeeds {
  readonly tables: IdentityTables;
  readonly inception: Inception;
  readonly problem: HansaError | undefined;
  /** Undefined where they are unusable. */
  readonly seeds: KeySeeds | undefined;
  readonly node: NodeId;
  /** Undefined before the first renewal. */
  certificate: NodeCertificate | undefined;
}

/** Finds the inception record, or makes it on the first start. */
export async function createIdentity(needs: IdentityNeeds): Promise<IdentityService> {
  const { codec, crypto, keys } = needs;
  const tables = identityTables(needs.store, codec);
  const inception = (await tables.inception.get())?.value ?? (await firstInception(needs));
  const problem = problemOf(needs, inception);
  const seeds = problem === undefined && !(keys instanceof HansaError) ? keys : undefined;
  const node = seeds === undefined ? noNode : (toHex(crypto.publicKey(seeds.node)) as NodeId);
  const known: Known = {
    ...needs,
    tables,
    inception,
    problem,
    seeds,
    node,
    certificate: undefined,
  };
  return {
    signer: signerOf(known),
    problem,
    renew: () => renew(known),
    identity: { show: async () => profileOf(known) },
  };
}

function signerOf(known: Known): Signer {
  const { crypto, clock, inception, node, name } = known;
  return {
    cluster: inception.cluster,
    node,
    name,
    sign: (message) => sign(known, message),
    proof() {
      requireSeeds(known);
      if (known.certificate === undefined) {
        throw new HansaError('CERTIFICATE_INVALID', 'this node has no certificate yet');
      }
      return { inception, certificate: known.certificate, name };
    },
    check: (proof, remote) => checkProof(crypto, { proof, remote, nowMs: clock.now() }),
  };
}

function sign(known: Known, message: Uint8Array): ReturnType<Signer['sign']> {
  const { cluster } = requireSeeds(known);
  return { keyIndex: 0, signature: known.crypto.sign(cluster, message) };
}

function requireSeeds({ seeds, problem }: Known): KeySeeds {
  if (seeds === undefined) {
    throw new HansaError('FEDERATION_OFF', `federation is off: ${problem?.message ?? ''}`, {
      cause: problem,
      ...(problem?.fix === undefined ? {} : { fix: problem.fix }),
    });
  }
  return seeds;
}

async function renew(known: Known): Promise<void> {
  const { store, clock, log, tables, inception, node } = known;
  const held = known.certificate ?? (await tables.certificates.get(node))?.value;
  const now = clock.now();
  if (held !== undefined && now >= held.notBeforeMs && now < held.notAfterMs - certificateRenewMs) {
    known.certificate = held;
    return;
  }
  const body = {
    cluster: inception.cluster,
    keyIndex: 0,
    node,
    serial: (held?.serial ?? 0) + 1,
    notBeforeMs: now,
    notAfterMs: now + certificateValidityMs,
    uses: ['link', 'sign'] as const,
  };
  const { signature } = sign(known, certificateBytes(body));
  const fresh: NodeCertificate = { ...body, signature };
  await store.batchWrite([tables.certificates.put([node], fresh)]);
  known.certificate = fresh;
  log.event('identity.certified', { node, serial: fresh.serial });
}

function profileOf({ inception, name, node, problem, certificate }: Known): Profile {
  return {
    cluster: inception.cluster,
    name,
    node,
    createdMs: inception.createdMs,
    keyIndex: 0,
    nextKeyHash: inception.nextKeyHash,
    federation: problem === undefined ? 'on' : 'off',
    problem: problem === undefined ? undefined : reportOf(problem),
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

function problemOf(needs: IdentityNeeds, inception: Inception): HansaError | undefined {
  const { crypto, keys } = needs;
  if (keys instanceof HansaError) {
    return keys;
  }
  if (!inceptionVerifies(crypto, inception)) {
    return new HansaError('STORE_DAMAGED', 'the stored inception record does not verify');
  }
  const held = toHex(crypto.publicKey(keys.cluster));
  if (held !== inception.cluster) {
    return new HansaError(
      'KEY_MISMATCH',
      `the cluster key is that of ${held.slice(0, 8)}…, ` +
        `but this cluster is ${inception.cluster.slice(0, 8)}…`,
    );
  }
  const promised = toHex(crypto.hash(crypto.publicKey(keys.next)));
  return promised === inception.nextKeyHash
    ? undefined
    : new HansaError('KEY_MISMATCH', 'the next key is not the one the inception record promises');
}
