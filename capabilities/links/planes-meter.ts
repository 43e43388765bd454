// Counts what crosses a stream, and ends it where it carries more than was agreed.
import { HansaError, type Clock, type FrameStream } from '@hansa/foundation';
import type { BytesMoved } from './planes-view.ts';

export interface Meter extends BytesMoved {
  sentBytes: number;
  receivedBytes: number;
  /** When it had last carried `busyBytes` more than the time before, monotonic. */
  busyMs: number;
  /** Since then. */
  sinceBusyBytes: number;
}

// Less in a minute is what two clusters say to each other while nothing happens.
const busyBytes: number = 16 * 1_024;

export function createMeter(clock: Clock): Meter {
  return { sentBytes: 0, receivedBytes: 0, busyMs: clock.monotonicMs(), sinceBusyBytes: 0 };
}

export interface Metering {
  readonly clock: Clock;
  /** Each of them counts the stream. */
  readonly meters: readonly Meter[];
  /** How much may be carried, and which way it is counted. */
  readonly budget?: { readonly bytes: number; readonly way: 'sent' | 'received' };
}

export function metered(stream: FrameStream, metering: Metering): FrameStream {
  const { clock, meters, budget } = metering;
  let left = budget?.bytes ?? Number.POSITIVE_INFINITY;
  const count = (way: 'sent' | 'received', bytes: number): void => {
    for (const meter of meters) {
      meter.sentBytes += way === 'sent' ? bytes : 0;
      meter.receivedBytes += way === 'received' ? bytes : 0;
      meter.sinceBusyBytes += bytes;
      if (meter.sinceBusyBytes >= busyBytes) {
        meter.sinceBusyBytes = 0;
        meter.busyMs = clock.monotonicMs();
      }
    }
    left -= way === budget?.way ? bytes : 0;
    if (left < 0) {
      stream.abort('the byte budget of its ticket is used up');
      throw new HansaError('CONNECTION_CLOSED', 'the byte budget of the plane is used up');
    }
  };
  return {
    async send(frame) {
      count('sent', frame.length);
      await stream.send(frame);
    },
    async receive() {
      const frame = await stream.receive();
      if (frame !== undefined) {
        count('received', frame.length);
      }
      return frame;
    },
    finish: () => stream.finish(),
    abort: (reason) => stream.abort(reason),
  };
}
