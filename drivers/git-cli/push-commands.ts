// What a push asks for: read from the client's own words on their way to git, and from the hook.
import type { ObjectId, RefChange } from '@hansa/capabilities/forge/git';
import { fromUtf8, HansaError } from '@hansa/foundation';
import type { Bytes } from './child.ts';
import { pushChangesMax, reasonLengthMax, shallowRootsMax } from './limits.ts';

const packetBytesMax = 65_520; // git's own limit of a packet line
const shallowLine = /^shallow ([0-9a-f]{40}|[0-9a-f]{64})\n?$/;

/**
 * Passes a push request on unchanged and tells of each shallow commit that the client names: the
 * hook does not learn them. The commands come first and end with a flush packet; the pack after it
 * is not read.
 */
export async function* overheard(
  body: Bytes,
  heard: (shallow: ObjectId) => void,
): AsyncGenerator<Uint8Array> {
  const scanner = new PacketScanner(heard);
  for await (const piece of body) {
    scanner.take(piece);
    yield piece;
  }
}

class PacketScanner {
  readonly #heard: (shallow: ObjectId) => void;
  #rest: Buffer | undefined = Buffer.alloc(0);
  #shallow = 0;
  #commands = 0;

  constructor(heard: (shallow: ObjectId) => void) {
    this.#heard = heard;
  }

  take(piece: Uint8Array): void {
    if (this.#rest === undefined) {
      return;
    }
    let rest: Buffer = Buffer.concat([this.#rest, piece]);
    while (rest.length >= 4) {
      const length = Number.parseInt(rest.toString('latin1', 0, 4), 16);
      if (!(length > 4 && length <= packetBytesMax)) {
        // The flush packet, or something that git will refuse by itself.
        this.#rest = undefined;
        return;
      }
      if (rest.length < length) {
        break;
      }
      this.#read(rest.toString('latin1', 4, length));
      rest = rest.subarray(length);
    }
    this.#rest = rest;
  }

  #read(line: string): void {
    const shallow = shallowLine.exec(line)?.[1];
    if (shallow === undefined) {
      this.#commands += 1;
      // A line end in a ref's name would be a line of its own in what the hook sends.
      if (/\n./s.test(line)) {
        throw new HansaError('INPUT_INVALID', 'a ref’s name has a line end in it');
      }
    } else {
      this.#shallow += 1;
      this.#heard(shallow);
    }
    if (this.#commands > pushChangesMax || this.#shallow > shallowRootsMax) {
      throw new HansaError('INPUT_TOO_LARGE', 'the push changes too many refs at once', {
        fix: 'push them in several parts',
        facts: { pushChangesMax, shallowRootsMax },
      });
    }
  }
}

export interface HookQuestion {
  /** Where the new objects wait; undefined where a push only deletes. */
  readonly quarantine: string | undefined;
  readonly changes: readonly RefChange[];
}

/** The hook's words: the quarantine, then `old new ref` lines, then `end`. */
export function questionOf(words: Uint8Array): HookQuestion {
  let text: string;
  try {
    text = fromUtf8(words);
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', 'a ref’s name is not UTF-8', { cause });
  }
  const [quarantine = '', ...lines] = text.split('\n').slice(0, -2);
  const changes = lines.map((line): RefChange => {
    const [, old = '', target = '', ref = ''] = /^(\S+) (\S+) (.*)$/.exec(line) ?? [];
    return { ref, old: idOf(old), new: idOf(target) };
  });
  return {
    quarantine: quarantine === '' ? undefined : quarantine,
    // Git lets a ref be deleted that is not there; there is nothing to decide.
    changes: changes.filter((change) => change.old !== null || change.new !== null),
  };
}

function idOf(id: string): ObjectId | null {
  return /^0+$/.test(id) ? null : id;
}

/** A reason as one line that does nothing to the pusher's terminal but appear there. */
export function refusalLine(reason: string): string {
  // oxlint-disable-next-line no-control-regex
  const line = reason.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
  return line === '' || line === 'ok' ? 'the push was refused' : line.slice(0, reasonLengthMax);
}
