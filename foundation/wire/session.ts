// Calls and watches of both sides over one stream of frames: what a link lays over each of its
// streams. The wire in words is protocol/wire.md.
import type { Clock } from '../clock.ts';
import type { Codec } from '../codec.ts';
import type { Carrier } from '../contract.ts';
import type { Credential, Edge } from '../edge.ts';
import { HansaError, invariant } from '../errors.ts';
import type { FrameStream } from '../transport.ts';
import { Answers } from './answers.ts';
import { breach, createFrameCoder } from './frames.ts';
import { wireLimits, type WireLimits } from './limits.ts';
import { createOutbox } from './outbox.ts';
import { Requests } from './requests.ts';
import type { Spoken } from './versions.ts';

export interface WireSessionNeeds {
  readonly stream: FrameStream;
  readonly codec: Codec;
  /** What the far side may call; absent where this side only asks. */
  readonly edge?: Edge;
  /** Who the far side is, as the transport has proven it. */
  readonly credential: Credential;
  readonly clock: Clock;
  /** What the far side said that it serves; absent where both sides are of one build. */
  readonly spoken?: Spoken;
  readonly limits?: Partial<WireLimits>;
}

export interface WireSession {
  /**
   * Calls to the far side; errors have the far side's code, or CONNECTION_CLOSED, TIMED_OUT,
   * RATE_LIMITED.
   */
  readonly carrier: Carrier;
  /**
   * Reads the stream until it ends, the signal aborts or `close` is called. Rejects with
   * PROTOCOL_BREACH where the far side broke the rules and with the stream's own error where it
   * broke.
   */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Drops the stream: pending calls fail with CONNECTION_CLOSED, served ones see their signal
   * abort.
   */
  close(reason: string): void;
}

export function createWireSession(needs: WireSessionNeeds): WireSession {
  const { stream, credential, clock } = needs;
  const limits: WireLimits = { ...wireLimits, ...needs.limits };
  const coder = createFrameCoder(needs.codec);
  const over = createEnding();
  const outbox = createOutbox(stream, (error) => end(streamFailure(error), true));
  const requests = new Requests({ coder, outbox, clock, limits, spoken: needs.spoken });
  const answers = new Answers({ coder, outbox, limits, edge: needs.edge, credential });

  function end(cause: HansaError, isFailure: boolean): void {
    if (!over.end(isFailure ? cause : undefined)) {
      return;
    }
    outbox.close();
    requests.close(cause);
    answers.close(cause);
    stream.abort(`${cause.code}: ${cause.message}`);
  }
  const take = (bytes: Uint8Array): void => {
    const frame = coder.decode(bytes);
    switch (frame.kind) {
      case 'result':
      case 'error':
      case 'item':
      case 'end':
        return requests.take(frame, bytes.length);
      default:
        answers.take(frame);
    }
    if (outbox.queuedBytes() > 2 * limits.queuedBytesMax) {
      throw breach('the far side asks and does not read');
    }
  };
  const read = async (): Promise<void> => {
    while (!over.isOver()) {
      const bytes = await stream.receive();
      if (bytes === undefined) {
        end(new HansaError('CONNECTION_CLOSED', 'the far side has finished'), false);
      } else if (!over.isOver()) {
        take(bytes);
      }
    }
  };

  return {
    carrier: requests.carrier,
    run(signal) {
      const abort = (): void => end(new HansaError('CONNECTION_CLOSED', 'we have stopped'), false);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) {
        abort();
      }
      read().catch((error: unknown) => end(streamFailure(error), true));
      return over.ended().finally(() => signal.removeEventListener('abort', abort));
    },
    close: (reason) => end(new HansaError('CONNECTION_CLOSED', reason), false),
  };
}

/** The end of a session, once: known at any time, and to be waited for. */
interface Ending {
  /** False where it was over before. */
  end(failure: HansaError | undefined): boolean;
  isOver(): boolean;
  /** Rejects with the failure. May be asked for once. */
  ended(): Promise<void>;
}

function createEnding(): Ending {
  let over = false;
  let failure: HansaError | undefined;
  let settle: (() => void) | undefined;
  return {
    end(why) {
      if (over) {
        return false;
      }
      over = true;
      failure = why;
      settle?.();
      return true;
    },
    isOver: () => over,
    ended() {
      invariant(settle === undefined, 'a session runs once');
      return new Promise((resolve, reject) => {
        settle = () => (failure === undefined ? resolve() : reject(failure));
        if (over) {
          settle();
        }
      });
    },
  };
}

function streamFailure(error: unknown): HansaError {
  return error instanceof HansaError
    ? error
    : new HansaError('CONNECTION_CLOSED', 'the stream broke', { cause: error });
}
