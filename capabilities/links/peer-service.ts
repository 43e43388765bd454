// What a peer may ask of us about the link: the far end of `wire.ts`.
import {
  callingCluster,
  equalBytes,
  HansaError,
  type Call,
  type ClusterId,
} from '@hansa/foundation';
import { problemOfInvite } from './inspecting.ts';
import type { InviteRecord, LinkRecord } from './keys.ts';
import type { LinksParts } from './parts.ts';
import { blockedHere } from './peers.ts';
import type { PlaneRoad } from './planes.ts';
import { uniqueName } from './records.ts';
import type { LinkPeer, PlaneTraffic } from './wire.ts';

export function createLinkPeer(parts: LinksParts): LinkPeer {
  const { records, roster, clock, signer } = parts;
  const linkWith = (call: Call | undefined): LinkRecord => {
    const record = records.find(callingCluster(call));
    if (record === undefined) {
      throw new HansaError('LINK_NOT_FOUND', `${signer.name} has no link with you`);
    }
    if (record.closed) {
      throw new HansaError('LINK_CLOSED', `${signer.name} has closed this link`);
    }
    return record;
  };
  const roadTo = (peer: ClusterId, traffic: PlaneTraffic = 'bulk'): PlaneRoad => {
    const roads = roster.roads(peer);
    if (roads === undefined) {
      throw new HansaError('PLANE_OFF', `${signer.name} keeps all traffic on the link`);
    }
    return roads[traffic];
  };
  return {
    async redeem(input, call) {
      const peer = callingCluster(call);
      if (parts.trust.level(peer) === 'blocked') {
        throw blockedHere(roster.peers.standing(peer)); // while its connection is being closed
      }
      const invite = await records.invite(input.nonce);
      // Where the answer to the first redemption was lost on its way, the same cluster asks again.
      const again = invite?.usedBy === peer && isUnconfirmed(records.find(peer), input.nonce);
      const link = again
        ? await records.update(peer, (held) => ({ ...held, accepterNonce: input.accepterNonce }))
        : await redeemInvite(parts, peer, { input, invite });
      roster.linked(peer);
      return { standing: roster.ownStanding(link) };
    },
    async standing(said, call) {
      const { peer } = linkWith(call);
      await roster.takeStanding(peer, said);
      return roster.ownStanding(linkWith(call));
    },
    async beat(beat, call) {
      const { peer, epoch } = linkWith(call);
      if (beat.epoch === epoch) {
        roster.pulse(peer).received(beat, call?.signal ?? new AbortController().signal);
      }
      return {};
    },
    plane: async (input, call) => roadTo(linkWith(call).peer, input.traffic).offer(input),
    async planeBack(input, call) {
      const signal = call?.signal ?? new AbortController().signal;
      await roadTo(linkWith(call).peer, input.traffic).dialBack(input, signal);
      return {};
    },
    probe: async ({ payload }) => ({ receivedBytes: payload.length, nowMs: clock.now() }),
  };
}

/** Made by this very token and confirmed by nobody yet: no words have been compared. */
function isUnconfirmed(link: LinkRecord | undefined, nonce: Uint8Array): boolean {
  return (
    link !== undefined &&
    !link.closed &&
    !link.confirmedThere &&
    // Words that a person has compared here must not change behind that person's back.
    !link.confirmedHere &&
    equalBytes(link.inviterNonce, nonce)
  );
}

/** The link that the invitation makes; every reason against it has its own code. */
async function redeemInvite(
  parts: LinksParts,
  peer: ClusterId,
  given: {
    readonly input: Parameters<LinkPeer['redeem']>[0];
    readonly invite: InviteRecord | undefined;
  },
): Promise<LinkRecord> {
  const { records, roster, clock, signer } = parts;
  const { nonce, accepterNonce, lastEpoch, standing } = given.input;
  const { invite } = given;
  const problem = problemOfInvite(parts, invite, invite?.expiresMs ?? 0);
  if (invite === undefined || problem !== undefined) {
    throw problem ?? new HansaError('LINK_TOKEN_UNKNOWN', 'this cluster never made that token');
  }
  const before = records.find(peer);
  if (before !== undefined && !before.closed) {
    throw new HansaError('LINK_EXISTS', `${signer.name} is linked with you already`);
  }
  const named = { links: records.links, ownName: signer.name };
  const link: LinkRecord = {
    peer,
    name: uniqueName(named, roster.suggestedName(peer), peer),
    epoch: Math.max(before?.epoch ?? 0, lastEpoch) + 1,
    mine: !invite.serveOnly,
    theirs: standing.mine,
    invitedByUs: true,
    inviterNonce: nonce,
    accepterNonce,
    confirmedHere: invite.confirm,
    confirmedThere: standing.confirmed,
    endpoints: standing.endpoints,
    createdMs: clock.now(),
    closed: false,
    ...(before?.labels === undefined ? {} : { labels: before.labels }),
  };
  await records.redeem(nonce, { usedMs: clock.now(), link });
  parts.log.event('link.redeemed', { peer, epoch: link.epoch });
  return link;
}
