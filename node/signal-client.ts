// Sessions at routers of signals, over real sockets: for the command line, which loads it when
// asked.
import { openSignalClient, runLoad } from '@hansa/capabilities/signals/capability';
import type { LoadAsked, LoadReport, SignalClient } from '@hansa/capabilities/signals/contract';
import { createSystemClock } from '@hansa/system-node';
import { dialSignals } from './signal-dialling.ts';

export interface SignalDoor {
  readonly url: string;
  readonly token?: string | undefined;
  /** In PEM. */
  readonly authorities?: string | undefined;
}

export interface SignalReaching extends SignalDoor {
  readonly signal?: AbortSignal | undefined;
}

export function reachSignals({ signal, ...door }: SignalReaching): Promise<SignalClient> {
  const { url, token, authorities } = door;
  return openSignalClient({
    clock: createSystemClock(),
    url,
    token,
    signal,
    dial: (accept) => dialSignals({ url, accept, signal, authorities }),
  });
}

export interface SignalLoading {
  readonly near: SignalDoor;
  /** Where subscribers listen, if elsewhere. */
  readonly far: SignalDoor;
  readonly signal?: AbortSignal | undefined;
}

export function loadSignals(
  { near, far, signal }: SignalLoading,
  asked: LoadAsked,
): Promise<LoadReport> {
  return runLoad(
    {
      clock: createSystemClock(),
      url: near.url,
      token: near.token,
      farToken: far.token,
      signal,
      dial: (accept) =>
        dialSignals({ url: near.url, accept, signal, authorities: near.authorities }),
      dialFar: (accept) =>
        dialSignals({ url: far.url, accept, signal, authorities: far.authorities }),
    },
    asked,
  );
}
