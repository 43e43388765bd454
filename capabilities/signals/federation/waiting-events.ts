// Events that wait for a slow link, in their order and within bounds.
import { ownBytes } from '../frames/frame-writer.ts';
import { federationLimits } from './limits.ts';

export interface WaitingEvents {
  readonly size: number;
  /** False where there is no room for it. */
  push(frame: Uint8Array): boolean;
  shift(): Uint8Array | undefined;
  clear(): void;
}

export function createWaitingEvents(): WaitingEvents {
  const { eventsWaitingMax, eventBytesWaitingMax } = federationLimits;
  let events: Uint8Array[] = [];
  let bytes = 0;
  return {
    get size() {
      return events.length;
    },
    push(frame) {
      if (events.length >= eventsWaitingMax || bytes + frame.length > eventBytesWaitingMax) {
        return false;
      }
      bytes += frame.length;
      events.push(ownBytes(frame));
      return true;
    },
    shift() {
      const next = events.shift();
      bytes -= next?.length ?? 0;
      return next;
    },
    clear() {
      [events, bytes] = [[], 0];
    },
  };
}
