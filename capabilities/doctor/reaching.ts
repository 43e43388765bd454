// Whether a node can be reached at all, apart from what links make of it: a connection of a
// protocol of its own, over which nothing is said.
import {
  reportOf,
  type Clock,
  type Connection,
  type ErrorReport,
  type Transport,
} from '@hansa/foundation';
import type { Endpoint } from '../links/contract.ts';

export const doctorProtocol = '/hansa/doctor/1';
const visitsMax = 32; // callers who hold the door open at once; an honest one takes a round trip
const visitMs = 2_000; // then the door is closed on whoever stays
const nodesTriedMax = 4; // each may take the five seconds of a dial

export interface Reach {
  readonly reached: boolean;
  readonly tookMs: number;
  /** Where it was reached, or what was tried. */
  readonly addresses: readonly string[];
  readonly error?: ErrorReport | undefined;
}

export function answerVisits(transport: Transport, clock: Clock): void {
  let visits = 0;
  transport.accept(doctorProtocol, async (connection: Connection) => {
    visits += 1;
    const over = new AbortController();
    try {
      if (visits <= visitsMax) {
        const late = clock.sleep(visitMs, over.signal).catch(() => undefined);
        await Promise.race([connection.closed, late]);
      }
    } finally {
      visits -= 1;
      over.abort();
      connection.close('reached');
    }
  });
}

/** Tries one node after the other, as a link does. */
export async function tryToReach(
  { transport, clock }: { readonly transport: Transport; readonly clock: Clock },
  endpoints: readonly Endpoint[],
  signal: AbortSignal | undefined,
): Promise<Reach> {
  const begunMs = clock.monotonicMs();
  const tookMs = (): number => Math.round(clock.monotonicMs() - begunMs);
  let error: ErrorReport | undefined;
  for (const endpoint of endpoints.slice(0, nodesTriedMax)) {
    try {
      const connection = await transport.dial(endpoint, doctorProtocol, signal);
      connection.close('reached');
      return { reached: true, tookMs: tookMs(), addresses: endpoint.addresses };
    } catch (thrown) {
      error = reportOf(thrown);
    }
  }
  const addresses = endpoints.flatMap((each) => each.addresses);
  return { reached: false, tookMs: tookMs(), addresses, error };
}
