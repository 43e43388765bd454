// Links as people and other capabilities see them: invitations, records and sessions brought
// together.
import { changedKeys, HansaError, toHex, type ClusterId } from '@hansa/foundation';
import { createAccepting } from './accepting.ts';
import { sameWords } from './check-words.ts';
import {
  inviteTtlDefaultMs,
  invitesOpenMax,
  type Endpoint,
  type Link,
  type Links,
} from './contract.ts';
import { inspectToken } from './inspecting.ts';
import { labelling } from './labelling.ts';
import type { LinksNeeds, LinksParts, RosterNeeds } from './parts.ts';
import { createLinkRecords } from './records.ts';
import { createRoster } from './roster.ts';
import { writeToken } from './token.ts';
import { linkView } from './view.ts';

export interface LinksService {
  readonly links: Links;
  readonly parts: LinksParts;
}

export function createLinks(needs: LinksNeeds): LinksService {
  const records = createLinkRecords(needs);
  const ownEndpoints = (): readonly Endpoint[] =>
    needs.transport === undefined
      ? []
      : [{ node: needs.signer.node, addresses: needs.transport.addresses() }];
  const halves: RosterNeeds = { ...needs, records, ownEndpoints };
  const parts: LinksParts = { ...halves, roster: createRoster(halves) };
  return { parts, links: linksOf(parts) };
}

function linksOf(parts: LinksParts): Links {
  const { records, roster } = parts;
  const view = (peer: ClusterId): Link => linkView(parts, peer);
  const all = (): Link[] =>
    [...records.links.rows.values()]
      .map(({ value }) => view(value.peer))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));

  return {
    invite: (input) => invite(parts, input),
    async revoke({ id }) {
      await records.revoke(id);
      parts.log.event('link.revoked', { id });
      return { id };
    },
    accept: createAccepting(parts),
    async confirm({ peer, words }, call) {
      const { cluster } = roster.peers.resolve(peer);
      const record = records.find(cluster);
      if (record === undefined || record.confirmedHere) {
        throw new HansaError('LINK_NOT_PENDING', `the link to ${peer} is confirmed here already`, {
          fix: `nothing is left to do here: hansa link show ${peer} tells how the far side sees it`,
        });
      }
      if (words !== undefined && !sameWords(words, view(cluster).checkWords)) {
        throw new HansaError('LINK_WORDS_DIFFER', 'these are not the check words of this link', {
          fix: `somebody else may have used the token: hansa link close ${peer}`,
        });
      }
      await records.update(cluster, (link) => ({ ...link, confirmedHere: true }));
      await roster.announce(cluster, call?.signal);
      return view(cluster);
    },
    inspect: ({ token }) => inspectToken(parts, token),
    list: async () => ({ links: all() }),
    show: async ({ peer }) => view(roster.peers.resolve(peer).cluster),
    async close({ peer }) {
      const { cluster } = roster.peers.resolve(peer);
      await records.update(cluster, (link) => ({ ...link, closed: true, mine: false }));
      roster.drop(cluster, 'the link was closed');
      return { link: view(cluster) };
    },
    ...labelling(parts, view),
    async *changes(_input, call) {
      const last = new Map<ClusterId, string>();
      const changed = changedKeys<ClusterId>((each) => roster.peers.subscribe(each), call?.signal);
      for await (const cluster of changed) {
        if (records.find(cluster) === undefined) {
          continue;
        }
        const link = view(cluster);
        const { silentMs: _silent, bulk: _bulk, ...shown } = link;
        if (last.get(cluster) !== JSON.stringify(shown)) {
          last.set(cluster, JSON.stringify(shown));
          yield link;
        }
      }
    },
  };
}

async function invite(
  parts: LinksParts,
  input: Parameters<Links['invite']>[0],
): ReturnType<Links['invite']> {
  const { clock, codec, random, records, signer } = parts;
  const now = clock.now();
  if ((await records.openInvites(now)) >= invitesOpenMax) {
    throw new HansaError(
      'LINKS_FULL',
      `${invitesOpenMax} invitations are open, the most there may be`,
    );
  }
  const nonce = random.bytes(32);
  const id = toHex(random.bytes(4));
  const expiresMs = now + (input.ttlMs ?? inviteTtlDefaultMs);
  const serveOnly = input.serveOnly ?? false;
  const token = writeToken(codec, (message) => signer.sign(message).signature, {
    cluster: signer.cluster,
    name: signer.name,
    endpoints: parts.ownEndpoints(),
    nonce,
    expiresMs,
    serveOnly,
    ...(signer.keyIndex === 0 ? {} : { keys: signer.keyLog() }),
  });
  const confirm = input.confirm ?? false;
  await records.addInvite(nonce, { id, expiresMs, serveOnly, confirm, state: 'open' });
  parts.log.event('link.invited', { id, serveOnly });
  return { id, token, expiresMs, serveOnly };
}
