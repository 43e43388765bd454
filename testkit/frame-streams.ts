// Two ends of one stream of frames in memory, bounded as a real one is, for tests of what runs over
// it.
import { HansaError, type FrameStream } from '@hansa/foundation';

export const pairFramesMax = 16; // small, so that tests meet a full stream

interface Direction {
  readonly frames: Uint8Array[];
  finished: boolean;
  broken: HansaError | undefined;
  /** Called when anything above has changed. */
  readonly listeners: Set<() => void>;
}

export function frameStreamPair(framesMax: number = pairFramesMax): [FrameStream, FrameStream] {
  const there = createDirection();
  const back = createDirection();
  return [createEnd(there, back, framesMax), createEnd(back, there, framesMax)];
}

function createDirection(): Direction {
  return { frames: [], finished: false, broken: undefined, listeners: new Set() };
}

function createEnd(out: Direction, into: Direction, framesMax: number): FrameStream {
  return {
    async send(frame) {
      await until(out, () => out.frames.length < framesMax);
      out.frames.push(frame);
      tell(out);
    },
    async receive() {
      await until(into, () => into.frames.length > 0 || into.finished);
      const frame = into.frames.shift();
      tell(into);
      return frame;
    },
    async finish() {
      out.finished = true;
      tell(out);
    },
    abort(reason) {
      for (const direction of [out, into]) {
        direction.broken ??= new HansaError('CONNECTION_CLOSED', reason);
        tell(direction);
      }
    },
  };
}

async function until(direction: Direction, isReady: () => boolean): Promise<void> {
  while (direction.broken === undefined && !isReady()) {
    await new Promise<void>((resolve) => {
      direction.listeners.add(resolve);
    });
  }
  if (direction.broken !== undefined) {
    throw direction.broken;
  }
}

function tell(direction: Direction): void {
  const listeners = [...direction.listeners];
  direction.listeners.clear();
  for (const listener of listeners) {
    listener();
  }
}
