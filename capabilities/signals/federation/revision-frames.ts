// Revision vectors in as many frames as hold them.
import { encodeFrame } from '../frames/encode.ts';
import type { AddressRevision } from '../frames/messages.ts';
import { textLength } from '../frames/text.ts';
import { federationLimits } from './limits.ts';

/** Of an entry beside its address: a length and a revision. */
const entryOverheadBytes = 10;

/** None where there are no entries. */
export function* revisionFrames(
  entries: Iterable<AddressRevision>,
  origin: string,
): Generator<Uint8Array, undefined> {
  const { vectorBytesMax, revisionsMax } = federationLimits;
  let chunk: AddressRevision[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const more = entryOverheadBytes + textLength(entry.address);
    if (chunk.length >= revisionsMax || (bytes + more > vectorBytesMax && chunk.length > 0)) {
      yield frameOf(chunk, origin);
      [chunk, bytes] = [[], 0];
    }
    chunk.push(entry);
    bytes += more;
  }
  if (chunk.length > 0) {
    yield frameOf(chunk, origin);
  }
  return undefined;
}

function frameOf(revisions: readonly AddressRevision[], origin: string): Uint8Array {
  return encodeFrame({ type: 'federation', op: 'revisions', patterns: [], revisions, origin });
}
