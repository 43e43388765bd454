// The answering half of a session: what the far side has asked, given to the edge, and the answers.
import type { Credential, Edge } from '../edge.ts';
import { HansaError, reportOf } from '../errors.ts';
import { breach, type CallFrame, type Frame, type FrameCoder } from './frames.ts';
import type { WireLimits } from './limits.ts';
import type { Outbox } from './outbox.ts';
import { spokenBy, type Spoken } from './versions.ts';

export interface AnswersNeeds {
  readonly coder: FrameCoder;
  readonly outbox: Outbox;
  readonly limits: WireLimits;
  /** Absent where this side only asks. */
  readonly edge: Edge | undefined;
  readonly credential: Credential;
}

interface Running {
  readonly controller: AbortController;
  /** Only a watch has one. */
  readonly credit: Credit | undefined;
}

interface Credit {
  items: number;
  bytes: number;
  /** Goes on with a watch that waits for credit. */
  wake: (() => void) | undefined;
}

export class Answers {
  readonly #needs: AnswersNeeds;
  readonly #spoken: Spoken;
  readonly #running = new Map<number, Running>();
  #lastId = 0;
  #watches = 0;
  #closed = false;

  constructor(needs: AnswersNeeds) {
    this.#needs = needs;
    this.#spoken = spokenBy(needs.edge?.contracts ?? []);
  }

  /** Takes a call, watch, cancel or credit; PROTOCOL_BREACH where it is out of turn. */
  take(frame: Frame): void {
    if (frame.kind === 'call' || frame.kind === 'watch') {
      this.#start(frame);
      return;
    }
    if (frame.id > this.#lastId) {
      throw breach(`"${frame.kind}" came for a request that never began`);
    }
    // Absent where our last frame and this one have crossed.
    const one = this.#running.get(frame.id);
    if (frame.kind === 'cancel') {
      stop(one, new HansaError('CANCELLED', 'the caller cancelled the call'));
    } else if (frame.kind === 'credit' && one !== undefined) {
      this.#give(one, frame);
    }
  }

  close(cause: HansaError): void {
    this.#closed = true;
    const gone = new HansaError('CANCELLED', `the caller is gone: ${cause.message}`, { cause });
    for (const one of this.#running.values()) {
      stop(one, gone);
    }
  }

  #start(frame: CallFrame): void {
    if (frame.id <= this.#lastId) {
      throw breach('a request came under a used id');
    }
    this.#lastId = frame.id;
    const { edge } = this.#needs;
    const refusal = this.#refusal(frame);
    if (edge === undefined || refusal !== undefined) {
      const told = refusal ?? new HansaError('METHOD_UNKNOWN', 'this side serves nothing');
      this.#fail(frame.id, told);
      return;
    }
    const controller = new AbortController();
    const { items, bytes } = frame;
    if (frame.kind === 'call') {
      this.#running.set(frame.id, { controller, credit: undefined });
      // Neither rejects: their errors are frames.
      void this.#answer(frame, edge, controller.signal);
    } else {
      const credit = { items, bytes, wake: undefined };
      this.#watches += 1;
      this.#running.set(frame.id, { controller, credit });
      void this.#pump({ frame, edge, signal: controller.signal, credit });
    }
  }

  #refusal(frame: CallFrame): HansaError | undefined {
    const { limits, outbox } = this.#needs;
    const spoken = Object.hasOwn(this.#spoken, frame.contract)
      ? this.#spoken[frame.contract]
      : undefined;
    if (spoken !== undefined && (frame.version < spoken.min || frame.version > spoken.max)) {
      const { min, max } = spoken;
      const range = min === max ? `version ${max}` : `versions ${min} to ${max}`;
      const sentence = `${frame.contract} is served in ${range}, not ${frame.version}`;
      return new HansaError('PROTOCOL_MISMATCH', sentence, { facts: { version: max } });
    }
    if (
      this.#running.size >= limits.requestsMax ||
      (frame.kind === 'watch' && this.#watches >= limits.watchesMax) ||
      outbox.queuedBytes() >= limits.queuedBytesMax
    ) {
      return new HansaError('RATE_LIMITED', 'too much is under way on this connection');
    }
    return undefined;
  }

  async #answer(frame: CallFrame, edge: Edge, signal: AbortSignal): Promise<void> {
    const { coder, credential, limits, outbox } = this.#needs;
    const { id, contract, method, input } = frame;
    try {
      const value = await edge.call({ contract, method, input, credential, signal });
      const bytes = encodeAnswer(coder, { kind: 'result', id, value });
      this.#running.delete(id);
      if (outbox.queuedBytes() < limits.queuedBytesMax) {
        outbox.push(bytes);
      } else {
        // Not RATE_LIMITED, whose fix is to retry: the service has done it.
        this.#fail(id, new HansaError('TIMED_OUT', 'the answer found no room: read faster'));
      }
    } catch (error) {
      this.#fail(id, error);
    }
  }

  async #pump(watch: {
    readonly frame: CallFrame;
    readonly edge: Edge;
    readonly signal: AbortSignal;
    readonly credit: Credit;
  }): Promise<void> {
    const { coder, credential, outbox } = this.#needs;
    const { frame, edge, signal, credit } = watch;
    const { id, contract, method, input } = frame;
    try {
      for await (const value of edge.watch({ contract, method, input, credential, signal })) {
        const bytes = encodeAnswer(coder, { kind: 'item', id, value });
        await enough(credit, signal);
        if (signal.aborted) {
          break;
        }
        credit.items -= 1;
        credit.bytes -= bytes.length;
        await outbox.item(bytes);
      }
      this.#running.delete(id);
      this.#push(coder.encode({ kind: 'end', id }));
    } catch (error) {
      this.#fail(id, error);
    }
    this.#watches -= 1;
  }

  #give(one: Running, more: { readonly items: number; readonly bytes: number }): void {
    if (one.credit === undefined) {
      throw breach('a call was given credit');
    }
    one.credit.items += more.items;
    one.credit.bytes += more.bytes;
    one.credit.wake?.();
  }

  #fail(id: number, error: unknown): void {
    this.#running.delete(id);
    this.#push(this.#needs.coder.encodeError(id, reportOf(error)));
  }

  #push(frame: Uint8Array): void {
    if (!this.#closed) {
      this.#needs.outbox.push(frame);
    }
  }
}

function stop(one: Running | undefined, why: HansaError): void {
  one?.controller.abort(why);
  one?.credit?.wake?.();
}

/**
 * Resolves when an item may be sent, or the watch was stopped. The last item may overdraw the
 * bytes.
 */
async function enough(credit: Credit, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (credit.items < 1 || credit.bytes < 1)) {
    await new Promise<void>((resolve) => {
      credit.wake = resolve;
    });
    credit.wake = undefined;
  }
}

// An answer that does not travel is the service's fault, whatever the codec calls it.
function encodeAnswer(coder: FrameCoder, frame: Frame): Uint8Array {
  try {
    return coder.encode(frame);
  } catch (error) {
    if (error instanceof HansaError && error.code === 'FRAME_TOO_LARGE') {
      throw error;
    }
    throw new HansaError('OUTPUT_INVALID', 'the answer does not travel', { cause: error });
  }
}
