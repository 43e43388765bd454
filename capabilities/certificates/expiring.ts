// What runs out, and when: for status, metrics, lists, and a problem in the log once a day.
import { durationText, HansaError, reportOf, type ErrorReport } from '@hansa/foundation';
import type { IssuedRecord } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';
import { readSpiffeId, trustDomain } from './spiffe.ts';
import type { CertificateExpiries, Expiry } from './uses.ts';
import { backdatedMs, renewBeforeMs } from './validity.ts';

const namedInWarningMax = 3; // a sentence names so many, and counts the others

export interface Expiring extends CertificateExpiries {
  /** Roots of peers, whose certificates have to be read for it. */
  refresh(): Promise<void>;
}

type PeerRoot = Omit<Expiry, 'leftMs' | 'ending'> & { readonly notBeforeMs: number };

export function createExpiring(parts: CertificateParts, roots: Roots): Expiring {
  let ofPeers: readonly PeerRoot[] = [];
  const expiries = (): readonly Expiry[] => {
    const nowMs = parts.clock.now();
    return [...ownExpiries(parts, roots), ...peerExpiries(ofPeers, nowMs)].toSorted(
      (a, b) => a.notAfterMs - b.notAfterMs,
    );
  };
  return {
    expiries,
    warnings: () => warningsOf(expiries().filter(({ ending }) => ending)),
    async refresh() {
      const { peerBundles, maker, peers } = parts;
      const held = [...peerBundles.rows.values()].map(({ value }) => value);
      const active = held.filter(({ cluster }) => peers.standing(cluster).active);
      const read = active.map(async ({ cluster, roots: ders }) => {
        const ends = await Promise.all(ders.map((der) => maker.read(der)));
        const last = ends.toSorted((a, b) => b.notAfterMs - a.notAfterMs)[0];
        return last === undefined
          ? []
          : [
              {
                what: 'peer root' as const,
                subject: trustDomain(cluster),
                serial: last.serial,
                notAfterMs: last.notAfterMs,
                notBeforeMs: last.notBeforeMs,
              },
            ];
      });
      ofPeers = (await Promise.all(read)).flat();
    },
  };
}

function ownExpiries(parts: CertificateParts, roots: Roots): readonly Expiry[] {
  const { clock, issued, nodes, node, cluster } = parts;
  const nowMs = clock.now();
  const subject = trustDomain(cluster);
  const last = roots.all().at(-1);
  const own = nodes.find(node)?.value;
  return [
    // The next one rings in a third before the end: with less than that, rotating has failed.
    ...(last === undefined
      ? []
      : [expiry({ ...last, what: 'root', subject }, nowMs, lateMs(last.notAfterMs - last.madeMs))]),
    ...(own === undefined
      ? []
      : [
          expiry(
            { ...own, what: 'node', subject: own.spiffeId },
            nowMs,
            lateMs(own.notAfterMs - own.issuedMs),
          ),
        ]),
    ...lastOfEach(
      [...issued.rows.values()].map(({ value }) => value),
      nowMs,
    ).map((one) =>
      expiry(
        { ...one, what: 'issued', subject: one.spiffeId },
        nowMs,
        renewBeforeMs(one.notAfterMs - one.issuedMs),
      ),
    ),
  ];
}

/** What renews itself is late when half of the time it had for that is gone. */
function lateMs(validityMs: number): number {
  return renewBeforeMs(validityMs) / 2;
}

function peerExpiries(known: readonly PeerRoot[], nowMs: number): readonly Expiry[] {
  return known.map((one) =>
    expiry(one, nowMs, lateMs(one.notAfterMs - one.notBeforeMs - backdatedMs)),
  );
}

function expiry(one: Omit<Expiry, 'leftMs' | 'ending'>, nowMs: number, endingMs: number): Expiry {
  const { what, subject, serial, notAfterMs } = one;
  const leftMs = notAfterMs - nowMs;
  return { what, subject, serial, notAfterMs, leftMs, ending: leftMs <= endingMs };
}

/** What was renewed since, or revoked, runs out in peace. */
function lastOfEach(records: readonly IssuedRecord[], nowMs: number): readonly IssuedRecord[] {
  const last = new Map<string, IssuedRecord>();
  for (const record of records) {
    const other = last.get(record.spiffeId);
    const counts = record.revokedMs === undefined && record.notAfterMs > nowMs;
    if (counts && (other === undefined || other.notAfterMs < record.notAfterMs)) {
      last.set(record.spiffeId, record);
    }
  }
  return [...last.values()];
}

function warningsOf(ending: readonly Expiry[]): readonly ErrorReport[] {
  const [first] = ending;
  if (first === undefined) {
    return [];
  }
  const named = ending
    .slice(0, namedInWarningMax)
    .map(({ what, subject, leftMs }) => `${nameOf(what, subject)} ${inText(leftMs)}`);
  const more = ending.length - named.length;
  const others = more > 0 ? `, and ${more} more` : '';
  const sentence = `certificates run out: ${named.join(', ')}${others}`;
  return [
    reportOf(
      new HansaError('CERTIFICATE_ENDING', sentence, { facts: { certificates: ending.length } }),
    ),
  ];
}

function inText(leftMs: number): string {
  return leftMs <= 0 ? 'has run out' : `in ${durationText(leftMs)}`;
}

function nameOf(what: Expiry['what'], subject: string): string {
  switch (what) {
    case 'root':
      return 'the authority';
    case 'node':
      return 'the node’s own';
    case 'issued':
      return subjectOf(subject);
    case 'peer root':
      return `the authority of ${subject.slice('spiffe://'.length, 'spiffe://'.length + 8)}`;
  }
}

function subjectOf(id: string): string {
  const read = readSpiffeId(id);
  return read === undefined ? id : `${read.kind}:${read.name}`;
}
