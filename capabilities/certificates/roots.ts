// The authorities of this cluster: one signs; the next is published before it does; those before
// stay until nothing that they signed counts. What is published has a sequence that only rises.
import { equalBytes, fromBase64, HansaError, type Op } from '@hansa/foundation';
import type { Issuer } from './authority.ts';
import { certificateRootsMax, type RootRotation, type RootView } from './contract.ts';
import type { BundleRecord, RootRecord } from './keys.ts';
import { newSerial, type CertificateParts } from './parts.ts';
import { trustDomain } from './spiffe.ts';
import { backdatedMs, publishedMs, wholeSecond } from './validity.ts';

const bundleKey = 'own';

export interface Roots {
  /** The oldest first. */
  all(): readonly RootRecord[];
  /** Undefined before the first was made, or where the last has run out. */
  signing(): RootRecord | undefined;
  next(): RootRecord | undefined;
  bundle(): BundleRecord | undefined;
  /** Makes the first authority where there is none. */
  ensure(): Promise<RootRecord>;
  /** The one that signs now, with its key. */
  issuer(): Promise<Issuer & { readonly root: RootRecord }>;
  keyOf(root: RootRecord): Promise<Issuer>;
  plan(): RootRotation;
  rotate(): Promise<RootRotation>;
  view(): readonly RootView[];
  /** Drops what vouches for nothing any more, and publishes what has changed. */
  settle(): Promise<void>;
}

export function createRoots(parts: CertificateParts): Roots {
  const { clock, cluster, tables, publishing } = parts;
  const all = (): readonly RootRecord[] =>
    [...parts.roots.rows.values()]
      .map(({ value }) => value)
      .toSorted((a, b) => a.signsFromMs - b.signsFromMs);
  const signing = (): RootRecord | undefined => {
    const nowMs = clock.now();
    return all().findLast((root) => root.signsFromMs <= nowMs && root.notAfterMs > nowMs);
  };
  const next = (): RootRecord | undefined => {
    const nowMs = clock.now();
    return all().findLast(({ signsFromMs }) => signsFromMs > nowMs);
  };
  const bundle = (): BundleRecord | undefined => parts.bundle.find(bundleKey)?.value;
  const keyOf = async (root: RootRecord): Promise<Issuer> => {
    const key = await tables.rootKeys.get(root.serial);
    if (key === undefined) {
      throw new HansaError('STORE_DAMAGED', `the key of authority ${root.serial} is gone`, {
        fix: 'hansa cert ca rotate makes another one',
      });
    }
    return { certificate: root.certificate, privateKey: key.value.privateKey };
  };
  const ensure = async (): Promise<RootRecord> =>
    signing() ??
    publishing.run(async () => signing() ?? (await makeRoot(parts, all(), clock.now())));
  const plan = (): RootRotation => planOf(parts, { signing: signing(), next: next() });
  return {
    all,
    signing,
    next,
    bundle,
    ensure,
    keyOf,
    plan,
    async issuer() {
      const root = await ensure();
      return { ...(await keyOf(root)), root };
    },
    async rotate() {
      await ensure();
      return publishing.run(async () => {
        const planned = plan();
        const made = await makeRoot(parts, all(), planned.signsFromMs);
        parts.log.event('certificate-authority.made', { cluster, serial: made.serial });
        return { ...planned, next: made.serial };
      });
    },
    view: () => viewOf(parts, all(), signing()),
    settle: () => publishing.run(() => settle(parts, all(), signing())),
  };
}

function planOf(
  { clock, peers, validities, issued }: CertificateParts,
  { signing, next }: { signing: RootRecord | undefined; next: RootRecord | undefined },
): RootRotation {
  if (next !== undefined) {
    throw new HansaError('CONFLICT', 'a rotation is under way: the next authority is published', {
      fix: 'hansa cert ca show tells when it begins to sign',
      facts: { next: next.serial, signsFromMs: next.signsFromMs },
    });
  }
  const nowMs = clock.now();
  const present = signing?.serial ?? '0';
  const ends = [...issued.rows.values()]
    .filter(({ value }) => value.root === present && value.revokedMs === undefined)
    .map(({ value }) => value.notAfterMs);
  const signsFromMs = nowMs + publishedMs(validities.refreshHintMs);
  const linked = peers.all().filter(({ active }) => active);
  const nameOf = ({ name, cluster }: (typeof linked)[number]): string => name ?? cluster;
  return {
    present,
    signsFromMs,
    retiresMs: Math.max(signsFromMs, ...ends),
    connected: linked.filter(({ cluster }) => peers.connected(cluster)).map(nameOf),
    away: linked.filter(({ cluster }) => !peers.connected(cluster)).map(nameOf),
  };
}

/** In one guarded transaction: the authority, its key, and the bundle that tells of it. */
async function makeRoot(
  parts: CertificateParts,
  known: readonly RootRecord[],
  signsFromMs: number,
): Promise<RootRecord> {
  const { maker, clock, random, cluster, tables, validities } = parts;
  if (known.length >= certificateRootsMax) {
    throw new HansaError('CONFLICT', `${known.length} authorities are published already`, {
      fix: 'wait until certificates of the older ones have run out, or revoke them',
      facts: { rootsMax: certificateRootsMax },
    });
  }
  const nowMs = clock.now();
  const key = await maker.makeKey();
  const lifetime = {
    notBeforeMs: wholeSecond(nowMs - backdatedMs),
    notAfterMs: wholeSecond(nowMs + validities.rootMs),
  };
  const serial = newSerial(random);
  const named = { key, trustDomain: trustDomain(cluster), serial };
  const certificate = await maker.makeRoot({ ...named, ...lifetime });
  const made: RootRecord = {
    serial,
    certificate,
    madeMs: nowMs,
    ...lifetime,
    signsFromMs,
  };
  await publish(
    parts,
    [...known, made],
    [
      tables.roots.put([serial], made),
      tables.rootKeys.put([serial], { privateKey: key.privateKey }),
    ],
  );
  return made;
}

/** What nothing depends on goes: it would only be one more key to lose. */
async function settle(
  parts: CertificateParts,
  known: readonly RootRecord[],
  signing: RootRecord | undefined,
): Promise<void> {
  const { clock, tables, issued, nodes } = parts;
  const nowMs = clock.now();
  const needed = new Set(
    [...issued.rows.values(), ...nodes.rows.values()]
      .map(({ value }) => value)
      .filter(({ notAfterMs, revokedMs }) => notAfterMs > nowMs && revokedMs === undefined)
      .map(({ root }) => root),
  );
  const stays = (root: RootRecord): boolean =>
    root.notAfterMs > nowMs &&
    (signing === undefined || root.signsFromMs >= signing.signsFromMs || needed.has(root.serial));
  const gone = known.filter((root) => !stays(root));
  await publish(
    parts,
    known.filter(stays),
    gone.flatMap(({ serial }) => [tables.roots.delete([serial]), tables.rootKeys.delete([serial])]),
  );
  gone.forEach(({ serial }) => parts.log.event('certificate-authority.retired', { serial }));
}

async function publish(
  parts: CertificateParts,
  roots: readonly RootRecord[],
  more: readonly Op[],
): Promise<void> {
  const { store, tables, clock, issued, bundle } = parts;
  const nowMs = clock.now();
  const held = bundle.find(bundleKey);
  const revoked = [...issued.rows.values()]
    .map(({ value }) => value)
    .filter(({ notAfterMs, revokedMs }) => revokedMs !== undefined && notAfterMs > nowMs)
    .map(({ serial }) => serial)
    .toSorted();
  const content = { roots: roots.map(({ certificate }) => derOf(certificate)), revoked };
  const same = held !== undefined && sameBundle(held.value, content);
  if ((same || (held === undefined && roots.length === 0)) && more.length === 0) {
    return;
  }
  // By the clock where it is ahead: a cluster restored from a backup is not behind itself.
  const sequence = Math.max((held?.value.sequence ?? 0) + 1, Math.floor(nowMs / 1_000));
  const key = tables.bundle.key(bundleKey);
  const { succeeded, revision } = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: held?.modRevision ?? 0 }],
    then: [tables.bundle.put([bundleKey], { sequence, ...content }), ...more],
  });
  if (!succeeded) {
    throw new HansaError('CONFLICT', 'another node of the cluster published at the same time');
  }
  await bundle.reached(revision);
  await (more.length === 0 ? undefined : parts.roots.reached(revision));
}

export function sameBundle(
  a: Pick<BundleRecord, 'roots' | 'revoked'>,
  b: Pick<BundleRecord, 'roots' | 'revoked'>,
): boolean {
  return (
    a.roots.length === b.roots.length &&
    a.roots.every((root, at) => equalBytes(root, b.roots[at] ?? new Uint8Array())) &&
    a.revoked.join() === b.revoked.join()
  );
}

function viewOf(
  { issued, clock }: CertificateParts,
  roots: readonly RootRecord[],
  signing: RootRecord | undefined,
): readonly RootView[] {
  const nowMs = clock.now();
  const counts = [...issued.rows.values()]
    .map(({ value }) => value)
    .filter(({ notAfterMs, revokedMs }) => notAfterMs > nowMs && revokedMs === undefined);
  return roots.map(({ madeMs: _counted, ...root }) => ({
    ...root,
    state:
      root.signsFromMs > nowMs ? 'next' : root.serial === signing?.serial ? 'signing' : 'retiring',
    issued: counts.filter(({ root: by }) => by === root.serial).length,
  }));
}

/** The bytes of a PEM text that we have made ourselves. */
export function derOf(certificate: string): Uint8Array {
  return fromBase64(certificate.replaceAll(/-----[A-Z0-9 ]+-----|\s/g, ''));
}
