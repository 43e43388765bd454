// Whether a head is signed, found out without the code that clusters do it with: the layouts of
// protocol/ by other means, and Node's own Ed25519.
import type { Head } from '@hansa/capabilities/resources/contract';
import { toHex, type Crypto } from '@hansa/foundation';
import { layOut, verifyByHand } from './by-hand.ts';

export function headHolds(crypto: Pick<Crypto, 'hash'>, head: Head, keyHex: string): boolean {
  const { tick } = head;
  const hash = (hex: string): string => toHex(crypto.hash(Buffer.from(hex, 'hex')));
  const bytes = layOut(
    'hansa/head/1',
    head.resource,
    head.epoch,
    head.sequence,
    { hex: toHex(head.chain) },
    { hex: toHex(head.digest) },
    ...head.hlc,
  );
  const leaf = hash(layOut('hansa/head-leaf/1', { hex: toHex(head.salt) }, { hex: bytes }));
  const root = head.path.reduce((below, step) => {
    const beside = { hex: toHex(step.hash) };
    const pair = step.side === 'left' ? [beside, { hex: below }] : [{ hex: below }, beside];
    return hash(layOut('hansa/merkle-node/1', ...pair));
  }, leaf);
  const signed = layOut('hansa/tick/1', { hex: toHex(tick.root) }, tick.asOfMs, tick.keyIndex);
  return root === toHex(tick.root) && verifyByHand(keyHex, signed, toHex(tick.signature));
}
