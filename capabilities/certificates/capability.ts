// Ties certificates to their host: what people call, what linked clusters follow, what the listener
// and the metrics ask, and the duties that renew in time.
import {
  capability,
  createMutex,
  HansaError,
  reportOf,
  watchedTable,
  type Capability,
  type Clock,
  type Codec,
  type ErrorReport,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { AuditSink } from '../audit/contract.ts';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { CertificateMaker } from './authority.ts';
import {
  certificatesContract,
  validitiesDefault,
  type CertificateExpiries,
  type CertificateTrust,
  type Validities,
} from './contract.ts';
import { createExpiring } from './expiring.ts';
import { followPeers } from './following.ts';
import { certificateRoutes } from './http.ts';
import { createIssuing } from './issuing.ts';
import { certificateTables } from './keys.ts';
import { createNodeCertificate, type NodeCertificateRoom } from './node-certificate.ts';
import type { CertificateParts } from './parts.ts';
import { createCertificatePeer } from './peer-service.ts';
import { createRoles } from './roles.ts';
import { createRoots, type Roots } from './roots.ts';
import { createCertificates } from './service.ts';
import { tend } from './tending.ts';
import { createVerifier } from './verifying.ts';
import { certificatePeerContract } from './wire.ts';

export interface CertificatesCapabilityNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly maker: CertificateMaker;
  readonly validities?: Validities | undefined;
  /** What the node's own certificate is for, besides the node. */
  readonly names?: { readonly dns: readonly string[]; readonly ips: readonly string[] } | undefined;
  readonly access?: (() => Pick<AccessControl, 'requireStandIn'>) | undefined;
  readonly audit?: AuditSink | undefined;
}

const loopbackNames = { dns: ['localhost'], ips: ['127.0.0.1', '::1'] };

export function certificatesCapability(needs: CertificatesCapabilityNeeds): {
  readonly capability: Capability;
  readonly trust: CertificateTrust;
  readonly expiries: CertificateExpiries;
} {
  const parts = partsOf(needs);
  const roots = createRoots(parts);
  const named = createRoles(parts);
  const own = createNodeCertificate(parts, roots);
  const issuing = createIssuing({ parts, authority: roots, named });
  const expiring = createExpiring(parts, roots);
  const certificates = createCertificates({ parts, roots, named, issuing, expiring });
  const stopping = new AbortController();
  const changed = (signal: AbortSignal): Promise<void> => nextChange(parts, signal);
  return {
    expiries: {
      expiries: expiring.expiries,
      warnings: () => [...expiring.warnings(), ...refusedBundles(parts)],
    },
    trust: {
      listener: () => listenerOf(parts, roots, own),
      verify: createVerifier(parts, roots),
      subscribe: (listener) => subscribeAll(parts, listener),
    },
    capability: capability({
      name: certificatesContract.name,
      serves: [{ contract: certificatesContract, service: certificates }],
      servesPeers: [
        { contract: certificatePeerContract, service: createCertificatePeer(parts, roots) },
      ],
      routes: certificateRoutes(certificates),
      duties: [
        {
          name: 'certificates.tend',
          run: (signal) => tend({ parts, roots, own, issuing, expiring, changed }, signal),
        },
        { name: 'certificates.follow', run: (signal) => followPeers(parts, signal) },
      ],
      async start() {
        const { issued, nodes, roles, bundle, peerBundles } = parts;
        const caches = [parts.roots, issued, nodes, roles, bundle, peerBundles];
        await Promise.all(caches.map((cache) => cache.start(stopping.signal, parts.clock)));
      },
      stop: async () => stopping.abort(),
    }),
  };
}

function partsOf(needs: CertificatesCapabilityNeeds): CertificateParts {
  const { store, signer, validities = validitiesDefault, names = loopbackNames } = needs;
  const tables = certificateTables(store, needs.codec);
  return {
    ...needs,
    tables,
    roots: watchedTable(store, tables.roots),
    issued: watchedTable(store, tables.issued),
    nodes: watchedTable(store, tables.nodes),
    roles: watchedTable(store, tables.roles),
    bundle: watchedTable(store, tables.bundle),
    peerBundles: watchedTable(store, tables.peers),
    cluster: signer.cluster,
    node: signer.node,
    validities,
    names,
    publishing: createMutex(),
    refused: new Map(),
  };
}

async function listenerOf(parts: CertificateParts, roots: Roots, own: NodeCertificateRoom) {
  await own.ensure();
  const { certificate, privateKey } = await own.pair();
  const peers = [...parts.peerBundles.rows.values()]
    .map(({ value }) => value)
    .filter(({ cluster }) => parts.peers.standing(cluster).active);
  const theirs = await Promise.all(
    peers.flatMap(({ roots: ders }) => ders).map((der) => parts.maker.read(der)),
  );
  const authorities = [...roots.all(), ...theirs].map((root) => root.certificate);
  return { certificate, privateKey, authorities };
}

/** What linked clusters told of themselves and nobody here believes. */
function refusedBundles({ refused, peers }: CertificateParts): readonly ErrorReport[] {
  return [...refused].flatMap(([cluster, { code, message }]) => {
    const { active, name = cluster.slice(0, 8) } = peers.standing(cluster);
    return active
      ? [reportOf(new HansaError(code, `the trust bundle of ${name} is refused: ${message}`))]
      : [];
  });
}

function subscribeAll(parts: CertificateParts, listener: () => void): () => void {
  const { roots, issued, nodes, bundle, peerBundles, peers } = parts;
  const stops = [roots, issued, nodes, bundle, peerBundles].map((cache) =>
    cache.subscribe(() => listener()),
  );
  stops.push(peers.subscribe(() => listener()));
  return () => stops.forEach((stop) => stop());
}

/** Of what is tended: authorities, the node's certificate, what was issued. */
function nextChange(parts: CertificateParts, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stops = [parts.roots, parts.nodes, parts.issued].map((cache) =>
      cache.subscribe(() => end()),
    );
    const end = (): void => {
      stops.forEach((stop) => stop());
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
  });
}
