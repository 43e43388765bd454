// Whether a token is good here: its own word by `chain.ts`, together with what only this cluster
// knows, which is what was revoked, whose tokens count here, and who is let in.
import {
  type Clock,
  type ClusterId,
  type ErrorCode,
  HansaError,
  momentText,
  parseScope,
  type Principal,
  type Scope,
  splitPrincipal,
  type WatchedTable,
} from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { Peers } from '../links/contract.ts';
import { issuerRefused, requireWithin, verifyChain } from './chain.ts';
import type { Revocation, VerifiedToken } from './contract.ts';
import type { Followed } from './followed.ts';
import type { Verifying } from './jws.ts';
import type { HonouredRecord, IssuedRecord } from './keys.ts';
import { calledAt } from './speaking.ts';

export interface JudgeNeeds extends Verifying {
  readonly cluster: ClusterId;
  readonly clock: Clock;
  readonly peers: Pick<Peers, 'standing' | 'subscribe'>;
  /** The index of the key that this cluster signs with now. */
  readonly keyIndex: () => number;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly revoked: WatchedTable<Revocation>;
  readonly honoured: WatchedTable<HonouredRecord>;
  readonly followed: Followed;
  /** Who is known; asked late, since directories are made after tokens. None: nobody is. */
  readonly directories?: (() => Directories | undefined) | undefined;
  /** Why a linked cluster is kept at a distance; undefined where it is not. */
  readonly remark?: ((peer: ClusterId) => string | undefined) | undefined;
}

export interface Judge {
  /** Throws what is wrong with it. */
  verify(text: string): VerifiedToken;
  /** The same for a token of another cluster, by what it says of itself alone. */
  verifyForeign(text: string): VerifiedToken;
  /** Throws why a token that was good is no longer. */
  requireStill(token: VerifiedToken): void;
  /** Whom it speaks for, as this cluster calls them. */
  speaker(token: VerifiedToken): Principal | undefined;
  isRevoked(jti: string): boolean;
  revocations(): readonly Revocation[];
  /** Called whenever a token that was good may be no longer, but for its time. */
  subscribe(changed: () => void): () => void;
}

export function createJudge(needs: JudgeNeeds): Judge {
  const { cluster, crypto, clock, keyOf, revoked, honoured, followed, peers } = needs;
  const isRevoked = (jti: string): boolean => revoked.find(jti) !== undefined;
  const isTakenBack = (jti: string, root: ClusterId): boolean =>
    isRevoked(jti) || followed.has(root, jti);
  const ceiling = (root: ClusterId, speaker: Principal | undefined): Ceiling =>
    ceilingOf(needs, root, speaker);
  const speaker = ({ speaksFor, root }: VerifiedToken): Principal | undefined =>
    speaksFor === undefined ? undefined : calledAt(cluster, speaksFor, root);
  const requireSpeaker = (token: VerifiedToken): void => {
    const spokenFor = speaker(token);
    if (spokenFor !== undefined) {
      requireKnown(needs, spokenFor, { code: 'CALLER_UNKNOWN', issuedMs: token.rootIssuedMs });
    }
  };
  const knowing = { crypto, keyOf };
  return {
    isRevoked,
    speaker,
    revocations: () => [...revoked.rows.values()].map(({ value }) => value),
    verify(text) {
      const nowMs = clock.now();
      const judging = { ...knowing, nowMs, ceiling, isRevoked: isTakenBack, here: cluster };
      const token = verifyChain(text, judging);
      requireIssued(needs, token);
      requireSpeaker(token);
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
      const dead = token.ids.find((jti) => isTakenBack(jti, token.root));
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
      const claims = { caps: token.rootCaps };
      const scopes = token.rootCaps.map(parseScope);
      const reaching = ceiling(token.root, token.speaksFor);
      requireWithin(reaching, { claims, scopes }, 'what tokens of that cluster may say here');
      requireSpeaker(token);
    },
    subscribe(changed) {
      const stops = [
        revoked.subscribe(changed),
        honoured.subscribe(changed),
        followed.subscribe(changed),
        peers.subscribe(changed),
        needs.directories?.()?.subscribe(changed),
      ];
      return () => stops.forEach((stop) => stop?.());
    },
  };
}

type Ceiling = 'all' | readonly Scope[];

/**
 * What honouring allows; a token that speaks for somebody needs none, since what they may here is
 * asked with every act. But its cluster has to be one that we deal with.
 */
function ceilingOf(needs: JudgeNeeds, root: ClusterId, speaker: Principal | undefined): Ceiling {
  if (root === needs.cluster) {
    return 'all';
  }
  const issuer = `cluster:${root}`;
  const allowed = needs.honoured.find(root)?.value.caps.map(parseScope);
  if (speaker !== undefined) {
    requireDealings(needs, root);
  } else if (allowed === undefined) {
    const fix = 'ask the owner of this cluster for one, or to honour that cluster';
    throw issuerRefused(issuer, 'nobody here honours that cluster', fix);
  }
  if (needs.followed.isOverfull(root)) {
    throw issuerRefused(issuer, 'it takes back more than anybody issues');
  }
  return allowed ?? 'all';
}

function requireDealings({ peers, remark }: JudgeNeeds, root: ClusterId): void {
  const { active, trust, name } = peers.standing(root);
  const issuer = `cluster:${root}`;
  if (trust === 'blocked') {
    throw issuerRefused(issuer, 'that cluster is blocked here');
  }
  if (!active) {
    throw issuerRefused(issuer, 'there is no link to that cluster', 'hansa link list');
  }
  const kept = remark?.(root);
  if (kept !== undefined) {
    throw issuerRefused(issuer, `${name ?? 'that cluster'} is ${kept}`, 'hansa quarantine list');
  }
}

/**
 * The code, or PRINCIPAL_DISABLED: whoever is gone has no token any more, and whoever is called the
 * same later has none of theirs.
 */
export function requireKnown(
  { directories }: Pick<JudgeNeeds, 'directories'>,
  who: Principal,
  { code, issuedMs }: { readonly code: ErrorCode; readonly issuedMs: number },
): void {
  const { kind, home } = splitPrincipal(who);
  // Workloads stand in no directory: certificates tell of them.
  if (kind === 'workload') {
    return;
  }
  const account = directories?.()?.find(who);
  if (account === undefined) {
    throw new HansaError(code, `${who} is in no directory that is known here`, {
      fix:
        home === undefined
          ? `hansa ${kind} list`
          : 'mirror the directory of its home: hansa mirror add <peer>:people',
    });
  }
  // A token knows whole seconds.
  if (issuedMs < Math.floor((account.sinceMs ?? 0) / 1_000) * 1_000) {
    throw new HansaError(code, `the token is older than the account of ${who}`, {
      fix: 'ask for a new one',
    });
  }
  if (account.disabled) {
    throw new HansaError('PRINCIPAL_DISABLED', `${who} is disabled`);
  }
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
