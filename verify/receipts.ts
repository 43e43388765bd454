// A receipt (protocol/receipts.md): a mirror's signed word about a copy that was withdrawn.
import type { KeyRing } from './key-ring.ts';
import { demand, moment, short } from './problem.ts';
import { bytes, id, resource, text, whole, type Node } from './shape.ts';
import { isSigned } from './signature.ts';
import { layOut } from './transcript.ts';

const reasonMax = 1_024; // protocol/receipts.md

export function verifyReceipt(
  item: Node,
  keys: KeyRing,
): { readonly of: string; readonly sentence: string } {
  const mirror = id(item, 'mirror');
  const named = resource(item);
  const outcome = text(item, 'outcome');
  const reason = text(item, 'reason');
  const atMs = whole(item, 'atMs');
  const keyIndex = whole(item, 'keyIndex');
  const [epoch, sequence] = [whole(item, 'epoch'), whole(item, 'sequence')];
  demand(
    outcome === 'purged' || outcome === 'retained',
    `${item.at}.outcome is neither "purged" nor "retained"`,
  );
  demand(reason.length <= reasonMax, `${item.at}.reason is over ${reasonMax} characters`);
  demand(outcome === 'retained' || reason === '', `${item.at} is purged, and yet has a reason`);
  const signed = layOut(
    'hansa/receipt/1',
    mirror,
    named.resource,
    bytes(item, 'withdrawal', 32),
    epoch,
    sequence,
    bytes(item, 'chain', 32),
    bytes(item, 'digest', 32),
    outcome,
    reason,
    atMs,
    keyIndex,
  );
  demand(
    isSigned(keys.signing(mirror, { keyIndex, atMs }), signed, bytes(item, 'signature', 64)),
    `the receipt for ${named.resource.slice(65)} is not signed by ` +
      `key ${keyIndex} of ${short(mirror)}`,
  );
  return { of: mirror, sentence: sentenceOf({ mirror, epoch, sequence, outcome, reason, atMs }) };
}

function sentenceOf(said: {
  readonly mirror: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly outcome: string;
  readonly reason: string;
  readonly atMs: number;
}): string {
  const { mirror, epoch, sequence, outcome, reason, atMs } = said;
  const who = `${short(mirror)} says that at ${moment(atMs)}`;
  if (outcome === 'retained') {
    return `${who} it kept its copy at ${epoch}/${sequence}: ${reason}`;
  }
  return epoch === 0
    ? `${who} it held nothing of it`
    : `${who} its copy at ${epoch}/${sequence} was purged`;
}
