// SNAPSHOT frames of what matches, made one at a time as the session takes them, so that a late
// joiner costs no memory and no other session's time.
import { encodeFrame } from '../frames/encode.ts';
import { snapshotEntryLength } from '../frames/encode-signals.ts';
import { snapshotEntryBytesMax } from '../frames/limits.ts';
import type { SnapshotParam } from '../frames/messages.ts';
import { routerLimits } from './limits.ts';
import type { FrameSource } from './outbox.ts';
import type { Param } from './param.ts';

export interface SnapshotAsked {
  /** Walked live: a param that changes before its turn is told as it then is. */
  readonly params: Iterator<Param, undefined>;
  /** The last one to tell: what came later was told as it came. */
  readonly newest: number;
  readonly wants: (param: Param) => boolean;
  /** A frame also where nothing matches. */
  readonly evenEmpty: boolean;
  /** Calls back in a later turn, then asks for the next frame again. */
  readonly goOn: (ready: () => void) => void;
}

export function snapshotSource(asked: SnapshotAsked): FrameSource {
  const { params, newest, wants, goOn } = asked;
  let owesFrame = asked.evenEmpty;
  let owesTurn = false;
  let waits = false;
  let looked = 0;
  let ended = false;
  // Between two calls nothing is held but this: what was read and not sent would be out of date.
  let carried: Param | undefined;

  const nextParam = (): Param | undefined => {
    if (carried !== undefined) {
      const param = carried;
      carried = undefined;
      return param;
    }
    const step = params.next();
    if (step.done === true || step.value.born > newest) {
      ended = true;
      return undefined;
    }
    return step.value;
  };
  const gathered = (): SnapshotParam[] => {
    const chunk: SnapshotParam[] = [];
    let bytes = 0;
    for (; looked < routerLimits.scannedPerTurnMax; looked += 1) {
      const param = nextParam();
      if (param === undefined) {
        return chunk;
      }
      if (param.gone || !wants(param)) {
        continue;
      }
      const entry = entryOf(param);
      bytes += snapshotEntryLength(entry);
      if (bytes > snapshotEntryBytesMax && chunk.length > 0) {
        carried = param;
        return chunk;
      }
      chunk.push(entry);
    }
    owesTurn = true;
    return chunk;
  };
  return {
    next() {
      if (waits) {
        return 'later'; // asked again for another reason
      }
      while (!owesTurn && !ended) {
        const chunk = gathered();
        if (chunk.length > 0) {
          owesFrame = false;
          return encodeFrame({ type: 'snapshot', params: chunk });
        }
      }
      if (!ended) {
        owesTurn = false;
        looked = 0;
        waits = true;
        goOn(() => {
          waits = false;
        });
        return 'later';
      }
      const last = owesFrame ? encodeFrame({ type: 'snapshot', params: [] }) : undefined;
      owesFrame = false;
      return last;
    },
  };
}

export function entryOf({ address, value, revision, writer, timestamp }: Param): SnapshotParam {
  return { address, value, revision, writer, timestamp };
}
