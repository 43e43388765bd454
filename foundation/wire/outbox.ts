// What waits for a session's stream. Two queues take turns: items of watches, of which each watch
// has at most one here, and everything else; so a big watch delays a call by one frame and no more.
import type { FrameStream } from '../transport.ts';

export interface Outbox {
  /** Frames waiting, in bytes. */
  queuedBytes(): number;
  /** Queues a frame; those queued here keep their order. */
  push(frame: Uint8Array): void;
  /** Resolves when the stream has taken the item, or the outbox was closed. */
  item(frame: Uint8Array): Promise<void>;
  close(): void;
}

interface Queued {
  readonly frame: Uint8Array;
  readonly sent?: () => void;
}

export function createOutbox(stream: FrameStream, failed: (error: unknown) => void): Outbox {
  const frames: Queued[] = [];
  const items: Queued[] = [];
  let bytes = 0;
  let sending = false;
  let current: Queued | undefined;
  let closed = false;
  let itemsTurn = false;

  const take = (): Queued | undefined => {
    itemsTurn = !itemsTurn;
    const [first, second] = itemsTurn ? [items, frames] : [frames, items];
    return first.shift() ?? second.shift();
  };
  const send = async (): Promise<void> => {
    sending = true;
    try {
      for (current = take(); current !== undefined; current = take()) {
        await stream.send(current.frame);
        bytes -= current.frame.length;
        current.sent?.();
      }
    } catch (error) {
      failed(error);
    }
    sending = false;
  };
  const add = (queue: Queued[], queued: Queued): void => {
    bytes += queued.frame.length;
    queue.push(queued);
    if (!sending) {
      // Never rejects: a failing stream is reported through `failed`.
      void send();
    }
  };

  return {
    queuedBytes: () => bytes,
    push(frame) {
      if (!closed) {
        add(frames, { frame });
      }
    },
    item: (frame) =>
      new Promise((sent) => {
        if (closed) {
          sent();
        } else {
          add(items, { frame, sent });
        }
      }),
    close() {
      closed = true;
      frames.length = 0;
      current?.sent?.();
      for (const { sent } of items.splice(0)) {
        sent?.();
      }
    },
  };
}
