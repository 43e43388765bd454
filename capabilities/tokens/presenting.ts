// The side that shows tokens: whatever was received for a cluster is shown to it while it is
// connected, and anew whenever there is another one.
import {
  aborted,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type ErrorReport,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { presentedPerPeerMax } from './contract.ts';
import type { ReceivedRecord } from './keys.ts';
import { tokenPeerContract, type Verdict } from './wire.ts';

const againMs = 5_000; // a peer that takes no stream now is asked twelve times a minute

export interface PresentingNeeds {
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly received: WatchedTable<ReceivedRecord>;
}

export interface Presenting {
  /** What the cluster that it is shown to last said of the token. */
  verdict(jti: string): Verdict | undefined;
  run(signal: AbortSignal): Promise<void>;
}

export function createPresenting(needs: PresentingNeeds): Presenting {
  const { peers, received } = needs;
  const verdicts = new Map<string, Verdict>();
  const loops = new Map<ClusterId, { readonly over: Promise<void>; restart(): void }>();
  const begin = (peer: ClusterId, signal: AbortSignal): void => {
    const { mine, active } = peers.standing(peer);
    const shows = tokensFor(needs, peer).length > 0;
    if (signal.aborted || !shows || !mine || !active || !peers.connected(peer) || loops.has(peer)) {
      return;
    }
    const ending = new AbortController();
    const over = show(needs, peer, {
      verdicts,
      signal: AbortSignal.any([signal, ending.signal]),
    })
      .then(async () => {
        const refused = peers.connected(peer) && !ending.signal.aborted && !signal.aborted;
        await (refused ? needs.clock.sleep(againMs, signal) : undefined);
      })
      .catch(() => undefined)
      .finally(() => {
        loops.delete(peer);
        begin(peer, signal);
      });
    loops.set(peer, { over, restart: () => ending.abort() });
  };
  return {
    verdict: (jti) => verdicts.get(jti),
    async run(signal) {
      const changed = (): void => {
        for (const jti of verdicts.keys()) {
          if (received.find(jti) === undefined) {
            verdicts.delete(jti);
          }
        }
        loops.forEach(({ restart }) => restart());
        peers.all().forEach(({ cluster }) => begin(cluster, signal));
      };
      const stops = [peers.subscribe((peer) => begin(peer, signal)), received.subscribe(changed)];
      changed();
      await aborted(signal);
      stops.forEach((stop) => stop());
      await Promise.allSettled([...loops.values()].map(({ over }) => over));
    },
  };
}

function tokensFor({ received, clock }: PresentingNeeds, peer: ClusterId): ReceivedRecord[] {
  const nowMs = clock.now();
  return [...received.rows.values()]
    .map(({ value }) => value)
    .filter(({ presentTo, expiresMs }) => presentTo === peer && expiresMs > nowMs)
    .slice(0, presentedPerPeerMax);
}

/** Resolves when the stream has ended, for whatever reason. */
async function show(
  needs: PresentingNeeds,
  peer: ClusterId,
  given: { readonly verdicts: Map<string, Verdict>; readonly signal: AbortSignal },
): Promise<void> {
  const { verdicts, signal } = given;
  const records = tokensFor(needs, peer);
  const say = (verdict: (at: number) => Verdict | undefined): void =>
    records.forEach(({ jti }, at) => {
      const said = verdict(at);
      if (said !== undefined) {
        verdicts.set(jti, said);
      }
    });
  let problem: ErrorReport | undefined;
  try {
    const wire = remote(tokenPeerContract, needs.peers.carrier(peer));
    const tokens = records.map(({ text }) => text);
    for await (const said of wire.present({ tokens }, { signal })) {
      say((at) => said.verdicts[at]);
    }
  } catch (error) {
    problem = reportOf(error);
    if (!signal.aborted) {
      needs.log.event('tokens.unshown', { peer, reason: problem.code });
    }
  }
  // Where nobody holds the stream, the tokens count for nothing there.
  const why = problem;
  say(() => ({ taken: false, ...(why === undefined ? {} : { problem: why }) }));
}
