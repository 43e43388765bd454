// What a peer may ask of us about the link: the far end of `wire.ts`.
import { callingCluster, HansaError, type Call } from '@hansa/foundation';
import { problemOfInvite } from './inspecting.ts';
import type { LinkRecord } from './keys.ts';
import type { LinksParts } from './parts.ts';
import { uniqueName } from './records.ts';
import type { LinkPeer } from './wire.ts';

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
  return {
    async redeem({ nonce, accepterNonce, lastEpoch, standing }, call) {
      const peer = callingCluster(call);
      const invite = await records.invite(nonce);
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
      };
      await records.redeem(nonce, { usedMs: clock.now(), link });
      parts.log.event('link.redeemed', { peer, epoch: link.epoch });
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
    probe: async ({ payload }) => ({ receivedBytes: payload.length, nowMs: clock.now() }),
  };
}
