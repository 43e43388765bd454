// The frames of the wire: lists `[kind, id, …]` in the session's codec. Words: protocol/wire.md;
// bytes: protocol/vectors/wire.json. Everything that arrives is checked here, once.
import type { Codec } from '../codec.ts';
import { errorReportSchema } from '../error-report-schema.ts';
import { HansaError, type ErrorReport } from '../errors.ts';
import { frameBytesMax } from '../transport.ts';

export const wireKinds = {
  call: 1,
  watch: 2,
  result: 3,
  error: 4,
  item: 5,
  end: 6,
  cancel: 7,
  credit: 8,
} as const;

export interface CallFrame {
  readonly kind: 'call' | 'watch';
  readonly id: number;
  readonly contract: string;
  readonly version: number;
  readonly method: string;
  /** 0 and 0 for a call. */
  readonly items: number;
  readonly bytes: number;
  readonly input: unknown;
}

export type Frame =
  | CallFrame
  | { readonly kind: 'result' | 'item'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly report: ErrorReport }
  | { readonly kind: 'end' | 'cancel'; readonly id: number }
  | {
      readonly kind: 'credit';
      readonly id: number;
      readonly items: number;
      readonly bytes: number;
    };

export const wireNameLengthMax = 128; // contract and method names; ours stay under 32
// What the error report's schema takes: a longer text would be a breach.
const sentenceLengthMax = 4_096;
const reporterLengthMax = 256; // the name of a cluster, with room

export function breach(sentence: string, cause?: unknown): HansaError {
  return new HansaError('PROTOCOL_BREACH', sentence, { cause });
}

export interface FrameCoder {
  /** FRAME_TOO_LARGE, or the codec's own error, where the value does not travel. */
  encode(frame: Frame): Uint8Array;
  /** An error frame that can always be encoded. */
  encodeError(id: number, report: ErrorReport): Uint8Array;
  /** PROTOCOL_BREACH on everything that is not a frame. */
  decode(bytes: Uint8Array): Frame;
}

export function createFrameCoder(codec: Codec): FrameCoder {
  const encode = (frame: Frame): Uint8Array => {
    const bytes = encodeList(codec, listOf(frame));
    if (bytes.length > frameBytesMax) {
      throw new HansaError(
        'FRAME_TOO_LARGE',
        `${bytes.length} bytes are over the limit of a frame`,
        {
          fix: 'ask for less at once: a page, a range',
          facts: { frameBytesMax },
        },
      );
    }
    return bytes;
  };
  return {
    encode,
    encodeError(id, report) {
      try {
        return encode({ kind: 'error', id, report: clipped(report) });
      } catch {
        // A sentence with half a character in it, facts without end: the code at least arrives.
        const message = 'the error could not be put into words';
        return encode({ kind: 'error', id, report: { code: report.code, message } });
      }
    },
    decode(bytes) {
      if (bytes.length > frameBytesMax) {
        throw breach(`a frame of ${bytes.length} bytes is over the limit`);
      }
      let list: unknown;
      try {
        list = codec.decode(bytes);
      } catch (error) {
        throw breach('a frame does not decode', error);
      }
      if (!Array.isArray(list)) {
        throw breach('a frame is not a list');
      }
      return frameOf(list);
    },
  };
}

function clipped(report: ErrorReport): ErrorReport {
  const { fix, reportedBy } = report;
  return {
    ...report,
    message: report.message.slice(0, sentenceLengthMax),
    ...(fix === undefined ? {} : { fix: fix.slice(0, sentenceLengthMax) }),
    ...(reportedBy === undefined ? {} : { reportedBy: reportedBy.slice(0, reporterLengthMax) }),
  };
}

function encodeList(codec: Codec, list: readonly unknown[]): Uint8Array {
  try {
    return codec.encode(list);
  } catch (error) {
    if (error instanceof HansaError) {
      throw error;
    }
    throw new HansaError('INPUT_INVALID', 'the value does not travel', { cause: error });
  }
}

function listOf(frame: Frame): readonly unknown[] {
  const head = [wireKinds[frame.kind], frame.id];
  switch (frame.kind) {
    case 'call':
      return [...head, frame.contract, frame.version, frame.method, ...rest(frame.input)];
    case 'watch': {
      const { contract, version, method, items, bytes, input } = frame;
      return [...head, contract, version, method, items, bytes, ...rest(input)];
    }
    case 'result':
    case 'item':
      return [...head, ...rest(frame.value)];
    case 'error':
      return [...head, frame.report];
    case 'credit':
      return [...head, frame.items, frame.bytes];
    case 'end':
    case 'cancel':
      return head;
  }
}

// Codecs have no undefined: a method that promises nothing sends a shorter list.
function rest(value: unknown): readonly unknown[] {
  return value === undefined ? [] : [value];
}

// Elements after the last one known are ignored, so that a later version can add some.
function frameOf(list: readonly unknown[]): Frame {
  const id = count(list[1], 'id');
  switch (list[0]) {
    case wireKinds.call:
      return { kind: 'call', id, ...target(list), items: 0, bytes: 0, input: list[5] };
    case wireKinds.watch:
      return { kind: 'watch', id, ...target(list), ...credit(list, 5), input: list[7] };
    case wireKinds.result:
      return { kind: 'result', id, value: list[2] };
    case wireKinds.error:
      return { kind: 'error', id, report: reportIn(list[2]) };
    case wireKinds.item:
      return { kind: 'item', id, value: list[2] };
    case wireKinds.end:
      return { kind: 'end', id };
    case wireKinds.cancel:
      return { kind: 'cancel', id };
    case wireKinds.credit:
      return { kind: 'credit', id, ...credit(list, 2) };
    default:
      throw breach('a frame is of no known kind');
  }
}

function target(list: readonly unknown[]): { contract: string; version: number; method: string } {
  return { contract: name(list[2]), version: count(list[3], 'version'), method: name(list[4]) };
}

function credit(list: readonly unknown[], at: number): { items: number; bytes: number } {
  return { items: count(list[at], 'items'), bytes: count(list[at + 1], 'bytes') };
}

function count(value: unknown, field: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw breach(`a frame's ${field} is not a positive integer`);
  }
  return value;
}

function name(value: unknown): string {
  if (typeof value !== 'string' || value.length > wireNameLengthMax) {
    throw breach('a frame names no contract or method');
  }
  return value;
}

function reportIn(value: unknown): ErrorReport {
  const parsed = errorReportSchema.safeParse(value);
  if (!parsed.success) {
    throw breach('an error frame holds no error report', parsed.error);
  }
  return parsed.data;
}
