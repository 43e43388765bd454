// The side that is shown tokens: judges each, lets policy know of the good ones for as long as the
// stream lasts, and says so again when one of them ends.
import {
  callingCluster,
  changedKeys,
  HansaError,
  reportOf,
  type ClusterId,
} from '@hansa/foundation';
import type { VerifiedToken } from './contract.ts';
import type { Judge } from './judge.ts';
import type { Lapsing } from './lapsing.ts';
import type { Presented } from './presented.ts';
import type { TokenPeer, Verdict } from './wire.ts';

export interface TokenPeerNeeds {
  readonly judge: Judge;
  readonly lapsing: Lapsing;
  readonly presented: Presented;
}

export function createTokenPeer(needs: TokenPeerNeeds): TokenPeer {
  const { judge, lapsing, presented } = needs;
  return {
    async *present({ tokens }, call) {
      const peer = callingCluster(call);
      const judged = tokens.map((text) => judgeOne(judge, text, peer));
      const showing = presented.open(peer);
      const stops: (() => void)[] = [];
      const lapses = changedKeys<'lapsed'>((tell) => {
        judged.forEach((one, at) => {
          if (one.token !== undefined) {
            const gone = (reason: unknown): void => {
              judged[at] = { problem: reason };
              tell('lapsed');
            };
            stops.push(lapsing.hold(one.token, gone));
          }
        });
        return () => stops.forEach((stop) => stop());
      }, call?.signal);
      try {
        do {
          showing.set(judged.flatMap(({ token }) => token ?? []));
          yield { verdicts: judged.map(verdictOf) };
        } while ((await lapses.next()).done !== true);
      } finally {
        await lapses.return?.();
        showing.end();
      }
    },
  };
}

interface Judged {
  readonly token?: VerifiedToken;
  readonly problem?: unknown;
}

function judgeOne(judge: Judge, text: string, peer: ClusterId): Judged {
  try {
    const token = judge.verify(text);
    requireHolder(token, peer);
    return { token };
  } catch (problem) {
    return { problem };
  }
}

/**
 * TOKEN_WRONG_AUDIENCE where another cluster shows it than may use it, or where it is somebody's
 * own: a cluster where it was used has seen it, and must not come back with it.
 */
export function requireHolder(token: VerifiedToken, holder: ClusterId): void {
  requireUnspoken(token);
  const { audience } = token;
  if (!audience.some((one) => one === 'bearer' || one === `cluster:${holder}`)) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `cluster:${holder} shows it, and it is bound to ${audience.join(', ')}`,
    );
  }
}

export function requireUnspoken({ speaksFor }: VerifiedToken): void {
  if (speaksFor !== undefined) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `it speaks for ${speaksFor}, and no cluster may show it as its own`,
      { fix: 'for a cluster: hansa token issue --audience <peer>, as the owner' },
    );
  }
}

function verdictOf({ token, problem }: Judged): Verdict {
  return token === undefined ? { taken: false, problem: reportOf(problem) } : { taken: true };
}
