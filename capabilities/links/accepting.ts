// Redeeming a token: dial who made it, prove ourselves, make our half-link, and look at the path
// while it is fresh (the doctor's first checks).
import { HansaError, remote } from '@hansa/foundation';
import type { Acceptance, DoctorCheck, Links } from './contract.ts';
import { expiryOf } from './inspecting.ts';
import type { LinkRecord } from './keys.ts';
import type { LinksParts } from './parts.ts';
import { blockedHere } from './peers.ts';
import { mergeEndpoints, uniqueName } from './records.ts';
import type { PeerSession } from './sessions.ts';
import { readToken, type LinkToken } from './token.ts';
import { linkView } from './view.ts';
import { linkPeerContract, probeBytesMax, protocolVersions, type Standing } from './wire.ts';

const clockOffsetMaxMs = 60_000; // certificates and tokens tolerate as much

export function createAccepting(parts: LinksParts): Links['accept'] {
  return async (input, call) => {
    const token = readToken(parts.codec, parts.crypto, input.token);
    requireRedeemable(parts, token);
    const startedMs = parts.clock.monotonicMs();
    const session = await dialInviter(parts, token, call?.signal);
    const reachedMs = parts.clock.monotonicMs() - startedMs;
    const link = await redeem(parts, { token, session, input });
    parts.log.event('link.accepted', { peer: link.peer, epoch: link.epoch });
    parts.roster.linked(token.cluster);
    await parts.roster.announce(token.cluster, call?.signal);
    const checks = await examine(parts, { session, reachedMs });
    const acceptance: Acceptance = { link: linkView(parts, token.cluster), checks };
    return acceptance;
  };
}

function requireRedeemable(parts: LinksParts, token: LinkToken): void {
  if (token.cluster === parts.signer.cluster) {
    throw new HansaError('LINK_TO_SELF', 'this token was made by this very cluster', {
      fix: 'accept it on the other cluster',
    });
  }
  if (parts.trust.level(token.cluster) === 'blocked') {
    throw blockedHere(parts.roster.peers.standing(token.cluster));
  }
  const held = parts.records.find(token.cluster);
  if (held !== undefined && !held.closed) {
    throw new HansaError('LINK_EXISTS', `there is a link to ${held.name} already`, {
      fix: `hansa link list, or end it first: hansa link close ${held.name}`,
    });
  }
  const expired = expiryOf(parts, token.expiresMs);
  if (expired !== undefined) {
    throw expired;
  }
  // Before the inviter is asked: it would keep a half-link that has no other.
  parts.records.requireRoom(token.cluster);
}

async function dialInviter(
  parts: LinksParts,
  token: LinkToken,
  signal: AbortSignal | undefined,
): Promise<PeerSession> {
  let last: unknown = new HansaError('DIAL_FAILED', 'the token names no address');
  for (const endpoint of token.endpoints) {
    try {
      return await parts.roster.dial(endpoint, token.cluster, signal);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

async function redeem(
  parts: LinksParts,
  given: {
    readonly token: LinkToken;
    readonly session: PeerSession;
    readonly input: Parameters<Links['accept']>[0];
  },
): Promise<LinkRecord> {
  const { token, session, input } = given;
  const accepterNonce = parts.random.bytes(32);
  const before = parts.records.find(token.cluster);
  const lastEpoch = before?.epoch ?? 0;
  const mine = input.serveOnly !== true;
  const confirmed = input.confirm ?? false;
  const standing: Standing = {
    epoch: lastEpoch,
    mine,
    confirmed,
    endpoints: parts.ownEndpoints(),
  };
  const answer = await remote(linkPeerContract, session.carrier).redeem({
    nonce: token.nonce,
    accepterNonce,
    lastEpoch,
    standing,
  });
  const named = { links: parts.records.links, ownName: parts.signer.name };
  const link: LinkRecord = {
    peer: token.cluster,
    name: uniqueName(named, input.name ?? token.name, token.cluster),
    epoch: answer.standing.epoch,
    mine,
    theirs: answer.standing.mine,
    invitedByUs: false,
    inviterNonce: token.nonce,
    accepterNonce,
    confirmedHere: confirmed,
    confirmedThere: answer.standing.confirmed,
    endpoints: mergeEndpoints(answer.standing.endpoints, token.endpoints),
    createdMs: parts.clock.now(),
    closed: false,
    ...(before?.labels === undefined ? {} : { labels: before.labels }),
  };
  await parts.records.put(link);
  return link;
}

async function examine(
  parts: LinksParts,
  given: { readonly session: PeerSession; readonly reachedMs: number },
): Promise<readonly DoctorCheck[]> {
  const { session, reachedMs } = given;
  const sentMs = parts.clock.now();
  const payload = parts.random.bytes(probeBytesMax);
  const probe = await remote(linkPeerContract, session.carrier).probe({ payload });
  const offsetMs = Math.round(probe.nowMs - (sentMs + parts.clock.now()) / 2);
  const { min, max } = session.hello.versions;
  const spoken = Math.min(max, protocolVersions.max);
  return [
    {
      check: 'reachability',
      passed: true,
      finding: `reached and proven in ${Math.round(reachedMs)} ms`,
    },
    {
      check: 'clock',
      passed: Math.abs(offsetMs) <= clockOffsetMaxMs,
      finding: `the peer's clock is ${offsetMs} ms from ours`,
    },
    {
      check: 'protocol',
      passed: true,
      finding: `both speak link protocol ${spoken} (peer: ${min}-${max})`,
    },
    {
      check: 'frame size',
      passed: probe.receivedBytes === payload.length,
      finding: `${probe.receivedBytes} of ${payload.length} bytes arrived in one frame`,
    },
  ];
}
