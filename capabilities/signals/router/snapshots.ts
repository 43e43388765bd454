// SNAPSHOT frames of what matches, so that a late joiner knows what there is.
import { encodeFrame } from '../frames/encode.ts';
import { snapshotEntryLength } from '../frames/encode-signals.ts';
import { snapshotEntryBytesMax } from '../frames/limits.ts';
import type { SnapshotParam } from '../frames/messages.ts';
import type { FrameSource } from './outbox.ts';
import type { Param } from './param.ts';
import type { Turns } from './turns.ts';
import { walkSource } from './walk.ts';

export interface SnapshotAsked {
  /** Walked live: a param that changes before its turn is told as it then is. */
  readonly params: Iterator<Param, undefined>;
  /** The last one to tell: what came later was told as it came. */
  readonly newest: number;
  readonly wants: (param: Param) => boolean;
  /** A frame also where nothing matches. */
  readonly evenEmpty: boolean;
  readonly turns: Turns;
  /** Asks for the next frame again. */
  readonly goOn: () => void;
}

export function snapshotSource({ params, wants, ...asked }: SnapshotAsked): FrameSource {
  return walkSource({
    ...asked,
    items: params,
    entryOf: (param) => (param.gone || !wants(param) ? undefined : entryOf(param)),
    lengthOf: snapshotEntryLength,
    bytesMax: snapshotEntryBytesMax,
    frameOf: (told) => encodeFrame({ type: 'snapshot', params: told }),
  });
}

export function entryOf({ address, value, revision, writer, timestamp }: Param): SnapshotParam {
  return { address, value, revision, writer, timestamp };
}
