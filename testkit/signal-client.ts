// A client of the signal wire for tests over real sockets: it says messages and waits for them.
import { decodeFrame } from '@hansa/capabilities/signals/frames/decode';
import { encodeFrame } from '@hansa/capabilities/signals/frames/encode';
import type { AcceptLine, Line } from '@hansa/capabilities/signals/frames/line';
import type { SignalMessage } from '@hansa/capabilities/signals/frames/messages';

export interface SignalClient {
  say(message: SignalMessage): void;
  /** The next of its type; what comes before it is passed over. Rejects when the line closes. */
  next<T extends SignalMessage['type']>(
    type: T,
  ): Promise<Extract<SignalMessage, { readonly type: T }>>;
  close(): void;
}

export interface SignalClientNeeds {
  readonly dial: (accept: AcceptLine) => Promise<Line>;
  readonly token?: string | undefined;
  /** Called with everything that comes. */
  readonly heard?: ((message: SignalMessage) => void) | undefined;
}

/** Says HELLO at once. */
export async function openSignalClient(needs: SignalClientNeeds): Promise<SignalClient> {
  const waiting: SignalMessage[] = [];
  let wake: () => void = () => undefined;
  let closed = false;
  const line = await needs.dial(() => ({
    frame(bytes) {
      const { message } = decodeFrame(bytes);
      needs.heard?.(message);
      waiting.push(message);
      wake();
    },
    drained: () => undefined,
    closed() {
      closed = true;
      wake();
    },
  }));
  const say = (message: SignalMessage): void => void line.send(encodeFrame(message));
  say({ type: 'hello', version: 1, features: ['param'], name: 'test', token: needs.token });
  return {
    say,
    async next<T extends SignalMessage['type']>(type: T) {
      for (;;) {
        const message = waiting.shift();
        if (message !== undefined && isOf(message, type)) {
          return message;
        }
        if (message === undefined && closed) {
          throw new Error(`the line closed before ${type} came`);
        }
        if (message === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
    close: () => line.close('done'),
  };
}

function isOf<T extends SignalMessage['type']>(
  message: SignalMessage,
  type: T,
): message is Extract<SignalMessage, { readonly type: T }> {
  return message.type === type;
}
