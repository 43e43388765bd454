// A node certificate (protocol/identity.md): a cluster's word that a node is its own, for a time.
import type { KeyRing } from './key-ring.ts';
import { demand, moment, Problem, short } from './problem.ts';
import { bytes, id, list, whole, type Node } from './shape.ts';
import { isSigned } from './signature.ts';
import { layOut } from './transcript.ts';

const skewMs = 60_000; // protocol/identity.md: added at both ends of the validity
const usesMax = 2; // protocol/identity.md

export function verifyCertificate(
  item: Node,
  { keys, atMs }: { readonly keys: KeyRing; readonly atMs: number },
): { readonly of: string; readonly sentence: string } {
  const cluster = id(item, 'cluster');
  const certified = id(item, 'node');
  const keyIndex = whole(item, 'keyIndex');
  const notBeforeMs = whole(item, 'notBeforeMs');
  const notAfterMs = whole(item, 'notAfterMs');
  const signed = layOut(
    'hansa/node-certificate/1',
    Buffer.from(cluster, 'hex'),
    keyIndex,
    Buffer.from(certified, 'hex'),
    whole(item, 'serial'),
    notBeforeMs,
    notAfterMs,
    usesOf(item).join(','),
  );
  const key = keys.signing(cluster, { keyIndex, atMs: notBeforeMs });
  demand(
    isSigned(key, signed, bytes(item, 'signature', 64)),
    `the certificate of node ${short(certified)} is not signed by ` +
      `key ${keyIndex} of ${short(cluster)}`,
  );
  demand(
    atMs >= notBeforeMs - skewMs && atMs <= notAfterMs + skewMs,
    `the certificate of node ${short(certified)} is good from ${moment(notBeforeMs)} ` +
      `to ${moment(notAfterMs)}, and not at ${moment(atMs)}`,
  );
  const sentence = `node ${short(certified)} is ${short(cluster)}'s until ${moment(notAfterMs)}`;
  return { of: cluster, sentence };
}

function usesOf(item: Node): readonly string[] {
  const uses = list(item, 'uses');
  demand(uses.length <= usesMax, `${item.at}.uses has more than ${usesMax} elements`);
  return uses.map((use) => {
    if (use !== 'link' && use !== 'sign') {
      throw new Problem(`${item.at}.uses has something that is neither "link" nor "sign"`);
    }
    return use;
  });
}
