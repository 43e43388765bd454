// Whether a token is good here: its own word by `chain.ts`, together with what only this cluster
// knows, which is what it revoked and whose tokens it honours.
import {
  type Clock,
  type ClusterId,
  HansaError,
  momentText,
  parseScope,
  type Scope,
  type WatchedTable,
} from '@hansa/foundation';
import { requireWithin, verifyChain } from './chain.ts';
import type { Revocation, VerifiedToken } from './contract.ts';
import type { Verifying } from './jws.ts';
import type { HonouredRecord, IssuedRecord } from './keys.ts';

export interface JudgeNeeds extends Verifying {
  readonly cluster: ClusterId;
  readonly clock: Clock;
  /** The index of the key that this cluster signs with now. */
  readonly keyIndex: () => number;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly revoked: WatchedTable<Revocation>;
  readonly honoured: WatchedTable<HonouredRecord>;
}

export interface Judge {
  /** Throws what is wrong with it. */
  verify(text: string): VerifiedToken;
  /** The same for a token of another cluster, by what it says of itself alone. */
  verifyForeign(text: string): VerifiedToken;
  /** Throws why a token that was good is no longer. */
  requireStill(token: VerifiedToken): void;
  isRevoked(jti: string): boolean;
  revocations(): readonly Revocation[];
  /** Called whenever a token that was good may be no longer, but for its time. */
  subscribe(changed: () => void): () => void;
}

export function createJudge(needs: JudgeNeeds): Judge {
  const { cluster, crypto, clock, keyOf, revoked, honoured } = needs;
  const isRevoked = (jti: string): boolean => revoked.find(jti) !== undefined;
  const ceiling = (root: ClusterId): 'all' | readonly Scope[] | undefined =>
    root === cluster ? 'all' : honoured.find(root)?.value.caps.map(parseScope);
  const knowing = { crypto, keyOf };
  return {
    isRevoked,
    revocations: () => [...revoked.rows.values()].map(({ value }) => value),
    verify(text) {
      const nowMs = clock.now();
      const token = verifyChain(text, { ...knowing, nowMs, ceiling, isRevoked });
      requireIssued(needs, token);
      return token;
    },
    verifyForeign: (text) =>
      verifyChain(text, {
        ...knowing,
        nowMs: clock.now(),
        ceiling: () => 'all',
        isRevoked: () => false,
      }),
    requireStill(token) {
      const dead = token.ids.find(isRevoked);
      if (dead !== undefined) {
        throw new HansaError(
          'TOKEN_REVOKED',
          `the token or one it descends from was revoked: ${dead}`,
        );
      }
      if (clock.now() >= token.endsMs) {
        throw new HansaError(
          'TOKEN_EXPIRED',
          `the token ran out at ${momentText(token.expiresMs)}`,
        );
      }
      const reaching = ceiling(token.root);
      if (reaching === undefined) {
        throw new HansaError('TOKEN_FORGED', `tokens of cluster:${token.root} count no more here`);
      }
      const claims = { caps: token.rootCaps };
      const scopes = token.rootCaps.map(parseScope);
      requireWithin(reaching, { claims, scopes }, 'what tokens of that cluster may say here');
    },
    subscribe(changed) {
      const stops = [revoked.subscribe(changed), honoured.subscribe(changed)];
      return () => stops.forEach((stop) => stop());
    },
  };
}

/**
 * Whoever stole a key that was rotated away can still sign with it and date it back: of what it
 * signed for us, only what we know to have issued counts.
 */
function requireIssued({ cluster, keyIndex, issued }: JudgeNeeds, token: VerifiedToken): void {
  const { root, rootKeyIndex, ids } = token;
  if (
    root === cluster &&
    rootKeyIndex < keyIndex() &&
    issued.find(ids.at(-1) ?? '') === undefined
  ) {
    throw new HansaError(
      'TOKEN_FORGED',
      'it is signed with a key of ours that was rotated away, and we have not issued it',
    );
  }
}
