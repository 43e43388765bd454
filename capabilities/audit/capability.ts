// Ties the audit to its host: the sink that gates write to, the kind that sync mirrors, what people
// and peers ask, and the duties that count, show and prune.
import {
  capability,
  watchedTable,
  type Capability,
  type ClusterId,
  type ErrorReport,
  type KeyValueStore,
  type Random,
} from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { History } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { auditContract, type Audit, type AuditHead, type AuditSink } from './contract.ts';
import { auditTables, type WitnessedRow } from './keys.ts';
import { createBeginnings } from './beginning.ts';
import { createAuditKind } from './mirrored.ts';
import { pruneOld } from './pruning.ts';
import { createAudit } from './service.ts';
import { createShowing } from './showing.ts';
import { createSink } from './sink.ts';
import { ownChain } from './chain.ts';
import { auditPeerContract } from './wire.ts';
import { createWitnessing } from './witnessing.ts';
import { createWriter, type WritingNeeds } from './writing.ts';

const countEveryMs = 60_000; // whoever does a thing all the time has a record of it a minute

export interface AuditNeeds extends WritingNeeds {
  readonly store: KeyValueStore;
  readonly signer: Signer;
  readonly keys: KeyBook;
  readonly peers: Peers;
  readonly mirrors: Mirrors;
  readonly random: Random;
  readonly history: History;
  /** How often heads are shown at least. */
  readonly intervalMs?: number | undefined;
}

export interface AuditCapability {
  readonly capability: Capability;
  readonly sink: AuditSink;
  /** For the node's metrics. */
  readonly audit: Pick<Audit, 'status'>;
  /** What a person has to look at. */
  warnings(): readonly ErrorReport[];
  /** What of it is about one peer, or about none. */
  warningsOf(peer: ClusterId | undefined): readonly ErrorReport[];
}

export function auditCapability(needs: AuditNeeds): AuditCapability {
  const { store, codec, clock, mirrors } = needs;
  const tables = auditTables(store, codec);
  const witnessed = watchedTable(store, tables.witnessed);
  const countersigned = watchedTable(store, tables.countersigned);
  const writer = createWriter(needs);
  const beginnings = createBeginnings({ ...needs, tables });
  const sink = createSink({ clock, writer, beginnings });
  const chain = ownChain(needs);
  const parts = { ...needs, tables, witnessed, countersigned, writer, chain };
  const witnessing = createWitnessing(parts);
  const showing = createShowing({ ...parts, everyMs: needs.intervalMs });
  const service = createAudit({ ...parts, witnessing, showing });
  const headOf = (cluster: ClusterId): AuditHead | undefined =>
    headIn(witnessed.find(cluster)?.value);
  mirrors.registerKind(createAuditKind({ ...needs, headOf }));
  const caches = new AbortController();
  return {
    sink,
    audit: service.audit,
    warnings: () => service.problems(),
    warningsOf: (peer) => service.problemsWith(peer),
    capability: capability({
      name: auditContract.name,
      serves: [{ contract: auditContract, service: service.audit }],
      servesPeers: [{ contract: auditPeerContract, service: witnessing.peer }],
      duties: [
        {
          name: 'audit.count',
          async run(signal) {
            for (;;) {
              await clock.sleep(countEveryMs, signal);
              await sink.flush();
            }
          },
        },
        { name: 'audit.show', run: (signal) => showing.run(signal) },
        { name: 'audit.prune', run: (signal) => pruneOld(parts, signal) },
      ],
      async start() {
        await Promise.all([
          witnessed.start(caches.signal, clock),
          countersigned.start(caches.signal, clock),
        ]);
        await writer.start();
        await sink.start(chain);
      },
      async stop() {
        await sink.flush();
        await writer.stop();
        await beginnings.rest();
        caches.abort();
      },
    }),
  };
}

/** Of a fork, neither: a person is to decide. */
function headIn(row: WitnessedRow | undefined): AuditHead | undefined {
  return row === undefined || row.fork !== undefined ? undefined : row.countersignature.head;
}
