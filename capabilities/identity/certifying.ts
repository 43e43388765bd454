// What the present key signs, and this node's certificate among it.
import { HansaError } from '@hansa/foundation';
import {
  certificateRenewMs,
  certificateValidityMs,
  type NodeCertificate,
  type Signer,
} from './contract.ts';
import type { ActiveSeeds, Known } from './known.ts';
import { certificateBytes } from './proof.ts';

export function sign(known: Known, message: Uint8Array): ReturnType<Signer['sign']> {
  const { cluster } = requireSeeds(known);
  return {
    keyIndex: known.keyLog.rotations.length,
    signature: known.crypto.sign(cluster, message),
  };
}

export function requireSeeds({ seeds, problem }: Known): ActiveSeeds {
  if (seeds === undefined) {
    throw new HansaError('FEDERATION_OFF', `federation is off: ${problem?.message ?? ''}`, {
      cause: problem,
      ...(problem?.fix === undefined ? {} : { fix: problem.fix }),
    });
  }
  return seeds;
}

export async function renew(known: Known): Promise<void> {
  const { clock, tables, node } = known;
  const held = known.certificate ?? (await tables.certificates.get(node))?.value;
  const now = clock.now();
  const current =
    held !== undefined && now >= held.notBeforeMs && now < held.notAfterMs - certificateRenewMs;
  if (current && held.keyIndex === known.keyLog.rotations.length) {
    known.certificate = held;
    return;
  }
  known.certificate = await issue(known, (held?.serial ?? 0) + 1);
}

/** Kept before it is shown: a serial is never used for two certificates. */
async function issue(known: Known, serial: number): Promise<NodeCertificate> {
  const { store, clock, log, tables, node } = known;
  const now = clock.now();
  const body = {
    cluster: known.keyLog.inception.cluster,
    keyIndex: known.keyLog.rotations.length,
    node,
    serial,
    notBeforeMs: now,
    notAfterMs: now + certificateValidityMs,
    uses: ['link', 'sign'] as const,
  };
  const { signature } = sign(known, certificateBytes(body));
  const fresh: NodeCertificate = { ...body, signature };
  await store.batchWrite([tables.certificates.put([node], fresh)]);
  log.event('identity.certified', { node, serial, keyIndex: body.keyIndex });
  return fresh;
}
