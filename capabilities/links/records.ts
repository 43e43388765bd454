// The durable half of links: which invitations are open, who is linked, what was confirmed. Every
// change is one guarded transaction, so that two redeemers of one token cannot both succeed.
import {
  HansaError,
  toHex,
  watchedTable,
  type ClusterId,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Op,
  type Row,
  type WatchedTable,
} from '@hansa/foundation';
import { linksMax, type Endpoint } from './contract.ts';
import { linkTables, type InviteRecord, type LinkRecord, type LinkTables } from './keys.ts';

export interface LinkRecords {
  readonly tables: LinkTables;
  readonly links: WatchedTable<LinkRecord>;
  find(peer: ClusterId): LinkRecord | undefined;
  openInvites(nowMs: number): Promise<number>;
  addInvite(nonce: Uint8Array, invite: InviteRecord): Promise<void>;
  invite(nonce: Uint8Array): Promise<InviteRecord | undefined>;
  /** Uses the invitation up and makes the link, together or not at all. */
  redeem(nonce: Uint8Array, redeemer: { usedMs: number; link: LinkRecord }): Promise<void>;
  put(link: LinkRecord): Promise<void>;
  /** Applies `change` to the present record until nobody interferes; LINK_NOT_FOUND. */
  update(peer: ClusterId, change: (link: LinkRecord) => LinkRecord): Promise<LinkRecord>;
}

export function createLinkRecords(needs: {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
}): LinkRecords {
  const { store, codec, crypto } = needs;
  const tables = linkTables(store, codec);
  const links = watchedTable(store, tables.links);
  const inviteKey = (nonce: Uint8Array): string => toHex(crypto.hash(nonce));

  const commit = async (
    guards: readonly { key: Uint8Array; modRevision: number }[],
    ops: readonly Op[],
  ): Promise<boolean> => {
    const result = await store.transact({
      if: guards.map(({ key, modRevision }) => ({
        key,
        target: 'modRevision',
        op: '=',
        operand: modRevision,
      })),
      then: ops,
    });
    if (result.succeeded) {
      await links.reached(result.revision);
    }
    return result.succeeded;
  };
  const linkRow = (peer: ClusterId): Promise<Row<LinkRecord> | undefined> => tables.links.get(peer);

  return {
    tables,
    links,
    find: (peer) => links.find(peer)?.value,
    async openInvites(nowMs) {
      let open = 0;
      for await (const { value } of tables.invites.rows()) {
        open += value.state === 'open' && value.expiresMs > nowMs ? 1 : 0;
      }
      return open;
    },
    async addInvite(nonce, invite) {
      await store.batchWrite([tables.invites.put([inviteKey(nonce)], invite)]);
    },
    async invite(nonce) {
      return (await tables.invites.get(inviteKey(nonce)))?.value;
    },
    async redeem(nonce, { usedMs, link }) {
      const row = await tables.invites.get(inviteKey(nonce));
      const before = await linkRow(link.peer);
      if (row?.value.state !== 'open') {
        throw new HansaError('LINK_TOKEN_USED', 'the token was used a moment ago');
      }
      if (before === undefined && links.rows.size >= linksMax) {
        throw new HansaError('LINKS_FULL', `this cluster has ${linksMax} links, the most it may`);
      }
      const used: InviteRecord = { ...row.value, state: 'used', usedBy: link.peer, usedMs };
      const done = await commit(
        [
          { key: tables.invites.key(inviteKey(nonce)), modRevision: row.modRevision },
          { key: tables.links.key(link.peer), modRevision: before?.modRevision ?? 0 },
        ],
        [tables.invites.put([inviteKey(nonce)], used), tables.links.put([link.peer], link)],
      );
      if (!done) {
        throw new HansaError('LINK_TOKEN_USED', 'the token was used a moment ago');
      }
    },
    async put(link) {
      const before = await linkRow(link.peer);
      const guard = { key: tables.links.key(link.peer), modRevision: before?.modRevision ?? 0 };
      if (!(await commit([guard], [tables.links.put([link.peer], link)]))) {
        throw new HansaError('CONFLICT', 'the link was changed at the same time');
      }
    },
    async update(peer, change) {
      for (;;) {
        const row = await linkRow(peer);
        if (row === undefined) {
          throw new HansaError('LINK_NOT_FOUND', `no link to ${peer.slice(0, 8)}…`);
        }
        const next = change(row.value);
        if (next === row.value) {
          return next;
        }
        const guard = { key: tables.links.key(peer), modRevision: row.modRevision };
        if (await commit([guard], [tables.links.put([peer], next)])) {
          return next;
        }
      }
    },
  };
}

/** Theirs first where both name a node: the node itself knows its addresses best. */
export function mergeEndpoints(
  told: readonly Endpoint[],
  known: readonly Endpoint[],
): readonly Endpoint[] {
  const toldNodes = new Set(told.map((endpoint) => endpoint.node));
  return [...told, ...known.filter((endpoint) => !toldNodes.has(endpoint.node))].slice(0, 16);
}
