// This node's own certificate: for its listener, renewed by itself, and at once when another
// authority begins to sign.
import { HansaError } from '@hansa/foundation';
import type { IssuedRecord } from './keys.ts';
import { signed } from './issuing.ts';
import { newSerial, type CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';
import { spiffeId } from './spiffe.ts';
import { backdatedMs, renewBeforeMs, wholeSecond } from './validity.ts';

export interface NodeCertificateRoom {
  held(): IssuedRecord | undefined;
  /** Makes it where there is none that will do. */
  ensure(): Promise<IssuedRecord>;
  /** The certificate with its key: both of one moment. */
  pair(): Promise<{ readonly certificate: string; readonly privateKey: string }>;
  /** Renews it where it is time; never makes a first one. */
  renew(): Promise<boolean>;
}

export const nodeRole = 'node';

export function createNodeCertificate(parts: CertificateParts, roots: Roots): NodeCertificateRoom {
  const { nodes, node, tables, clock, store } = parts;
  const held = (): IssuedRecord | undefined => nodes.find(node)?.value;
  const isDue = (record: IssuedRecord): boolean => {
    const validityMs = record.notAfterMs - record.issuedMs;
    const late = record.notAfterMs - clock.now() <= renewBeforeMs(validityMs);
    return late || record.root !== roots.signing()?.serial || !sameNames(record, parts.names);
  };
  const make = async (): Promise<IssuedRecord> => {
    const issuer = await roots.issuer();
    const { publicKey, privateKey } = await parts.maker.makeKey();
    const record = await signed(parts, {
      issuer,
      publicKey,
      client: true,
      server: true,
      row: rowOf(parts, issuer.root),
    });
    // Certificate and key change together: a listener never sees one without the other.
    const { revision } = await store.batchWrite([
      tables.nodes.put([node], record),
      tables.nodeKeys.put([node], { privateKey }),
    ]);
    await nodes.reached(revision);
    parts.log.event('certificate.renewed', {
      serial: record.serial,
      notAfterMs: record.notAfterMs,
    });
    return record;
  };
  return {
    held,
    async ensure() {
      const record = held();
      return record === undefined || isDue(record) ? make() : record;
    },
    async pair() {
      for (;;) {
        const row = nodes.find(node);
        const key = await tables.nodeKeys.get(node);
        if (row === undefined || key === undefined) {
          throw new HansaError('STORE_DAMAGED', 'the key of the node’s certificate is gone');
        }
        // They are written in one transaction; the cache may be a moment behind the store.
        if (row.modRevision >= key.modRevision) {
          return { certificate: row.value.certificate, privateKey: key.value.privateKey };
        }
        await nodes.reached(key.modRevision);
      }
    },
    async renew() {
      const record = held();
      if (record === undefined || !isDue(record)) {
        return false;
      }
      await make();
      return true;
    },
  };
}

function rowOf(
  { cluster, node, clock, random, validities, names }: CertificateParts,
  root: { readonly serial: string; readonly notAfterMs: number },
) {
  const nowMs = clock.now();
  return {
    serial: newSerial(random),
    spiffeId: spiffeId(cluster, { kind: 'node', name: node }),
    role: nodeRole,
    dns: names.dns,
    ips: names.ips,
    issuedMs: nowMs,
    notBeforeMs: wholeSecond(nowMs - backdatedMs),
    notAfterMs: Math.min(wholeSecond(nowMs + validities.nodeMs), root.notAfterMs),
    root: root.serial,
  };
}

function sameNames(
  record: Pick<IssuedRecord, 'dns' | 'ips'>,
  names: { readonly dns: readonly string[]; readonly ips: readonly string[] },
): boolean {
  return record.dns.join() === names.dns.join() && record.ips.join() === names.ips.join();
}
