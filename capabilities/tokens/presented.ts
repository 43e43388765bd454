// The tokens that peers show, by peer and by the stream that shows them: what policy asks. Nothing
// of it outlives the stream, and no peer's tokens are ever looked at for another.
import { anyContains, type ClusterId, HansaError, readScope, type Scope } from '@hansa/foundation';
import type { PresentedTokens } from '../policies/contract.ts';
import { showingsPerPeerMax, type VerifiedToken } from './contract.ts';

/** What one stream shows. */
export interface Showing {
  /** From now on exactly these. */
  set(tokens: readonly VerifiedToken[]): void;
  end(): void;
}

export interface Presented extends PresentedTokens {
  /** RATE_LIMITED where the peer has too many streams. */
  open(peer: ClusterId): Showing;
}

interface Shown {
  tokens: readonly {
    readonly tokenId: string;
    readonly scopes: readonly Scope[];
    readonly endsMs: number;
  }[];
}

export function createPresented(): Presented {
  const byPeer = new Map<ClusterId, Set<Shown>>();
  const listeners = new Set<() => void>();
  let generation = 0;
  const changed = (): void => {
    generation += 1;
    [...listeners].forEach((listener) => listener());
  };
  const shownBy = (peers: Iterable<Set<Shown>>): readonly Shown['tokens'][number][] =>
    [...peers].flatMap((streams) => [...streams].flatMap(({ tokens }) => tokens));
  return {
    open(peer) {
      const streams = byPeer.get(peer) ?? new Set();
      if (streams.size >= showingsPerPeerMax) {
        throw new HansaError('RATE_LIMITED', 'tokens are shown over too many streams already');
      }
      const shown: Shown = { tokens: [] };
      byPeer.set(peer, streams.add(shown));
      return {
        set(tokens) {
          shown.tokens = tokens.map(({ jti, caps, endsMs }) => ({
            tokenId: jti,
            scopes: caps.flatMap((cap) => readScope(cap) ?? []),
            endsMs,
          }));
          changed();
        },
        end() {
          streams.delete(shown);
          if (streams.size === 0 && byPeer.get(peer) === streams) {
            byPeer.delete(peer);
          }
          changed();
        },
      };
    },
    covers(peer, { verb, kind, name }) {
      const wanted: Scope = { form: 'resource', verb, kind, name };
      const own = byPeer.get(peer);
      return shownBy(own === undefined ? [] : [own]).find(({ scopes }) =>
        anyContains(scopes, wanted),
      );
    },
    freshUntilMs: () =>
      Math.min(Number.MAX_SAFE_INTEGER, ...shownBy(byPeer.values()).map(({ endsMs }) => endsMs)),
    get generation() {
      return generation;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
