// What happens by itself: authorities and the node's certificate are renewed in time, what has run
// out goes, and what is about to is said once a day.
import { HansaError } from '@hansa/foundation';
import type { Expiring } from './expiring.ts';
import type { Issuing } from './issuing.ts';
import type { NodeCertificateRoom } from './node-certificate.ts';
import type { CertificateParts } from './parts.ts';
import type { Roots } from './roots.ts';
import { checkInMs, rootDue } from './validity.ts';

const lookMaxMs = 3_600_000; // hourly: what has run out goes, and clocks may have been set
const lookMinMs = 100; // a root that begins to sign now is seen now; never a busy loop
const dayMs = 24 * 3_600_000;

export interface TendingNeeds {
  readonly parts: CertificateParts;
  readonly roots: Roots;
  readonly own: NodeCertificateRoom;
  readonly issuing: Issuing;
  readonly expiring: Expiring;
  /** Resolves when there is something new to tend. */
  changed(signal: AbortSignal): Promise<void>;
}

/** Until the signal aborts. */
export async function tend(needs: TendingNeeds, signal: AbortSignal): Promise<void> {
  let saidMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    signal.throwIfAborted();
    await tendOnce(needs);
    saidMs = say(needs, saidMs);
    await pause(needs, signal);
  }
}

/**
 * One round, in the order of what depends on what. What fails is said, and holds nothing else up:
 * the node's certificate is renewed by the authority that signs now, whatever becomes of the next.
 */
export async function tendOnce(needs: TendingNeeds): Promise<void> {
  const { parts, roots, issuing, expiring } = needs;
  const steps: readonly (readonly [step: string, work: () => Promise<void>])[] = [
    ['rotate', () => succeed(needs)],
    ['renew', () => renew(needs)],
    ['clean', () => issuing.clean()],
    ['settle', async () => (roots.signing() === undefined ? undefined : roots.settle())],
    ['refresh', () => expiring.refresh()],
  ];
  for (const [step, work] of steps) {
    await work().catch((error: unknown) => {
      parts.log.problem('certificates.not-tended', error, { step });
    });
  }
}

async function succeed({ parts, roots }: TendingNeeds): Promise<void> {
  const { clock, audit, cluster } = parts;
  const signing = roots.signing();
  if (signing === undefined || roots.next() !== undefined || !isDue(signing, clock.now())) {
    return;
  }
  const { next = '' } = await roots.rotate();
  await audit?.act({
    act: 'certificate-authority.rotated',
    principal: `cluster:${cluster}`,
    target: next,
    outcome: 'OK',
  });
}

async function renew({ parts: { audit, cluster }, own }: TendingNeeds): Promise<void> {
  if (await own.renew()) {
    await audit?.act({
      act: 'certificate.renewed',
      principal: `cluster:${cluster}`,
      target: own.held()?.serial ?? '',
      outcome: 'OK',
    });
  }
}

function isDue(root: { madeMs: number; notAfterMs: number }, nowMs: number): boolean {
  const { madeMs, notAfterMs } = root;
  return rootDue(nowMs, { notAfterMs, validityMs: notAfterMs - madeMs });
}

/** When it was said last. */
function say({ parts, expiring }: TendingNeeds, saidMs: number): number {
  const nowMs = parts.clock.monotonicMs();
  const ending = expiring.expiries().filter((one) => one.ending);
  if (ending.length === 0 || nowMs - saidMs < dayMs) {
    return saidMs;
  }
  for (const { what, subject, serial, leftMs } of ending) {
    const problem = new HansaError('CERTIFICATE_ENDING', `a certificate (${what}) runs out`);
    parts.log.problem('certificate.ending', problem, { what, subject, serial, leftMs });
  }
  return nowMs;
}

/** Until something is due, or has changed. */
async function pause(needs: TendingNeeds, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { clock } = needs.parts;
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const ms = Math.max(lookMinMs, Math.min(lookMaxMs, dueInMs(needs)));
  try {
    await Promise.race([
      clock.sleep(ms, either),
      // Not at once: what changes one record changes another.
      needs.changed(either).then(() => clock.sleep(lookMinMs, either)),
    ]).catch(() => undefined);
    signal.throwIfAborted();
  } finally {
    done.abort();
  }
}

function dueInMs({ parts, roots, own }: TendingNeeds): number {
  const nowMs = parts.clock.now();
  const held = own.held();
  const signing = roots.signing();
  const times = roots.all().flatMap(({ signsFromMs, notAfterMs }) => [signsFromMs, notAfterMs]);
  const ends = [...parts.issued.rows.values()].map(({ value }) => value.notAfterMs);
  const rootThirdMs =
    signing === undefined ? [] : [signing.notAfterMs - (signing.notAfterMs - signing.madeMs) / 3];
  const later = [...times, ...ends, ...rootThirdMs].filter((ms) => ms > nowMs);
  const ownMs =
    held === undefined
      ? lookMaxMs
      : checkInMs({
          nowMs,
          notAfterMs: held.notAfterMs,
          validityMs: held.notAfterMs - held.issuedMs,
        });
  return Math.min(ownMs, ...later.map((ms) => ms - nowMs));
}
