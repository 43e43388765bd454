// Clusters that make, hold and follow certificates, in one process and under a test's hand.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { certificatesCapability } from '@hansa/capabilities/certificates/capability';
import type {
  Certificates,
  IssuedCertificate,
  ProvenCertificate,
  Validities,
} from '@hansa/capabilities/certificates/contract';
import { derOf } from '@hansa/capabilities/certificates/roots';
import type { CertificateMaker } from '@hansa/capabilities/certificates/authority';
import { createCertificateMaker } from '@hansa/certificates-x509';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, type Carrier, type KeyValueStore, type Log } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { onTestFinished } from 'vitest';
import type { HandClock } from './hand-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  createTestSigner,
  nodeOf,
  type TestPeers,
} from './test-cluster.ts';
import { startedClock } from './token-clusters.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
export const maker: CertificateMaker = createCertificateMaker();

export interface CertificateCluster extends ReturnType<typeof certificatesCapability> {
  readonly certificates: Certificates;
  readonly peers: TestPeers;
  readonly clock: HandClock;
  readonly store: KeyValueStore;
  readonly events: readonly string[];
  restart(): Promise<CertificateCluster>;
  end(): Promise<void>;
}

export interface CertificateGround {
  readonly byte?: number;
  readonly name?: string;
  readonly clock?: HandClock;
  readonly store?: KeyValueStore;
  readonly validities?: Validities;
  /** Who may pass on what; without it only the owner issues what others log in with. */
  readonly access?: Pick<AccessControl, 'requireStandIn'>;
  /** Without its duties nothing happens by itself. */
  readonly idle?: boolean;
}

export async function makeCertificateCluster(
  ground: CertificateGround = {},
): Promise<CertificateCluster> {
  const { byte = 1, name = 'lubeck', validities, access } = ground;
  const clock = ground.clock ?? startedClock();
  const store = ground.store ?? createMemoryStore({ clock });
  const peers = createTestPeers();
  const events: string[] = [];
  const note = (...said: unknown[]): void => void events.push(JSON.stringify(said));
  const log: Log = {
    event: note,
    problem: (problem, error, fields) => note(problem, String(error), fields),
    with: () => log,
  };
  const made = certificatesCapability({
    store,
    codec,
    clock,
    random: createSeededRandom(byte + clock.now()),
    log: ground.idle === true ? silentLog : log,
    signer: createTestSigner(crypto, byte, name),
    peers,
    maker,
    ...(validities === undefined ? {} : { validities }),
    ...(access === undefined ? {} : { access: () => access }),
  });
  const life = new AbortController();
  const { capability } = made;
  await capability.start(life.signal);
  const duties =
    ground.idle === true
      ? []
      : capability.duties.map(({ run }) => run(life.signal).catch(() => undefined));
  const end = async (): Promise<void> => {
    life.abort();
    await Promise.all(duties);
    await capability.stop();
  };
  onTestFinished(end);
  return {
    ...made,
    certificates: capability.serves[0]?.service as Certificates,
    peers,
    clock,
    store,
    events,
    end,
    async restart() {
      await end();
      return makeCertificateCluster({ ...ground, clock, store });
    },
  };
}

export function issueTo(
  cluster: CertificateCluster,
  subject = 'user:anna',
): Promise<IssuedCertificate> {
  return cluster.certificates.issue({ subject });
}

export function verifyBy(
  cluster: CertificateCluster,
  { certificate }: { readonly certificate: string },
): Promise<ProvenCertificate> {
  return cluster.trust.verify(derOf(certificate));
}

/** The way from a cluster to what another one lets peers call. */
export function certificateWay(to: CertificateCluster, from: number): Carrier {
  const caller = callerOf(clusterOf(crypto, from), nodeOf(crypto, from + 1));
  return carrierTo(to.capability.servesPeers, caller);
}
