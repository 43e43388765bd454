// Writes that are on their way to the router that owns their address: who waits for which answer.
import type { Clock } from '@hansa/foundation';
import { signalErrors, type AckMessage, type ErrorMessage } from '../frames/messages.ts';
import type { Refusal } from '../router/param.ts';
import type { Timer, Timers } from '../router/timers.ts';
import { federationLimits } from './limits.ts';

export type Answer = { readonly revision: number | undefined } | Refusal;

export interface Asks {
  /** The id that the answer will have; undefined where too many wait. */
  open(asked: Asked): number | undefined;
  /** Of no use where nobody waits any more. */
  answer(id: number, linkId: string, message: AckMessage | ErrorMessage): void;
  /** Nobody knows what became of the writes that went over it. */
  lost(linkId: string): void;
  readonly size: number;
}

export interface Asked {
  readonly linkId: string;
  readonly address: string;
  readonly settle: (answer: Answer) => void;
}

interface Waiting extends Asked {
  readonly timer: Timer;
}

const unknown = 'the write may have been done';

export function createAsks(needs: { readonly clock: Clock; readonly timers: Timers }): Asks {
  const { clock, timers } = needs;
  const waiting = new Map<number, Waiting>();
  const byLink = new Map<string, number>();
  let newest = 0;
  const count = (linkId: string, more: number): void => {
    const now = (byLink.get(linkId) ?? 0) + more;
    if (now > 0) {
      byLink.set(linkId, now);
    } else {
      byLink.delete(linkId);
    }
  };
  const settle = (id: number, answer: Answer): void => {
    const one = waiting.get(id);
    if (one !== undefined) {
      waiting.delete(id);
      count(one.linkId, -1);
      one.timer.cancel();
      one.settle(answer);
    }
  };
  const failed = (address: string, message: string): Refusal => ({
    code: signalErrors.timeout,
    message,
    address,
  });
  return {
    get size() {
      return waiting.size;
    },
    open(asked) {
      const { asksMax, asksPerLinkMax } = federationLimits;
      if (waiting.size >= asksMax || (byLink.get(asked.linkId) ?? 0) >= asksPerLinkMax) {
        return undefined;
      }
      newest = (newest % 0xffff_ffff) + 1;
      const id = newest;
      const timer = timers.at(clock.monotonicMs() + federationLimits.askMs, () =>
        settle(
          id,
          failed(asked.address, `the router that owns the address did not answer: ${unknown}`),
        ),
      );
      waiting.set(id, { ...asked, timer });
      count(asked.linkId, 1);
      return id;
    },
    answer(id, linkId, message) {
      const one = waiting.get(id);
      if (one?.linkId !== linkId) {
        return; // whoever was not asked has no say
      }
      settle(
        id,
        message.type === 'ack'
          ? { revision: message.revision }
          : { code: message.code, message: message.message, address: one.address },
      );
    },
    lost(linkId) {
      for (const [id, one] of waiting) {
        if (one.linkId === linkId) {
          const sentence = `the link to the router that owns the address was lost: ${unknown}`;
          settle(id, failed(one.address, sentence));
        }
      }
    },
  };
}
