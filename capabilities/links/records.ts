// The durable half of links: which invitations are open, who is linked, what was confirmed. Every
// change is one guarded transaction, so that two redeemers of one token cannot both succeed.
import {
  HansaError,
  toHex,
  watchedTable,
  type ClusterId,
  type Codec,
  type Compare,
  type Crypto,
  type KeyValueStore,
  type Op,
  type WatchedTable,
} from '@hansa/foundation';
import { endpointsMax, inviteKeptMs, linksMax, type Endpoint } from './contract.ts';
import { linkTables, type InviteRecord, type LinkRecord, type LinkTables } from './keys.ts';

export interface LinkRecords {
  readonly tables: LinkTables;
  readonly links: WatchedTable<LinkRecord>;
  find(peer: ClusterId): LinkRecord | undefined;
  /** How many are open; what expired long ago is forgotten on the way. */
  openInvites(nowMs: number): Promise<number>;
  addInvite(nonce: Uint8Array, invite: InviteRecord): Promise<void>;
  invite(nonce: Uint8Array): Promise<InviteRecord | undefined>;
  /** LINKS_FULL where a link with a new peer would be one too many. */
  requireRoom(peer: ClusterId): void;
  /** LINK_TOKEN_UNKNOWN, LINK_TOKEN_USED. */
  revoke(id: string): Promise<void>;
  /** Uses the invitation up and makes the link, together or not at all. */
  redeem(nonce: Uint8Array, redeemer: { usedMs: number; link: LinkRecord }): Promise<void>;
  put(link: LinkRecord): Promise<void>;
  /** Applies `change` to the present record until nobody interferes; LINK_NOT_FOUND. */
  update(peer: ClusterId, change: (link: LinkRecord) => LinkRecord): Promise<LinkRecord>;
}

interface Kept {
  readonly store: KeyValueStore;
  readonly tables: LinkTables;
  readonly links: WatchedTable<LinkRecord>;
}

export function createLinkRecords(needs: {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
}): LinkRecords {
  const { store, codec, crypto } = needs;
  const tables = linkTables(store, codec);
  const links = watchedTable(store, tables.links);
  const kept: Kept = { store, tables, links };
  const inviteId = (nonce: Uint8Array): string => toHex(crypto.hash(nonce));
  return {
    tables,
    links,
    find: (peer) => links.find(peer)?.value,
    requireRoom: (peer) => requireRoom(links, peer),
    async openInvites(nowMs) {
      let open = 0;
      for await (const { key, value } of tables.invites.rows()) {
        open += value.state === 'open' && value.expiresMs > nowMs ? 1 : 0;
        if (value.expiresMs + inviteKeptMs <= nowMs) {
          await store.batchWrite([tables.invites.delete(key)]);
        }
      }
      return open;
    },
    async addInvite(nonce, invite) {
      await store.batchWrite([tables.invites.put([inviteId(nonce)], invite)]);
    },
    invite: async (nonce) => (await tables.invites.get(inviteId(nonce)))?.value,
    revoke: (id) => revoke(kept, id),
    redeem: (nonce, redeemer) => redeem(kept, inviteId(nonce), redeemer),
    async put(link) {
      const before = await tables.links.get(link.peer);
      const done = await commit(
        kept,
        [unchanged(tables.links.key(link.peer), before)],
        [tables.links.put([link.peer], link)],
      );
      if (!done) {
        throw new HansaError('CONFLICT', 'the link was changed at the same time');
      }
    },
    update: (peer, change) => update(kept, peer, change),
  };
}

async function revoke(kept: Kept, id: string): Promise<void> {
  const { tables } = kept;
  for await (const row of tables.invites.rows()) {
    if (row.value.id !== id) {
      continue;
    }
    const guard = unchanged(tables.invites.key(...row.key), row);
    const revoked: InviteRecord = { ...row.value, state: 'revoked' };
    const put = tables.invites.put([...row.key], revoked);
    const open = row.value.state === 'open';
    if (!open || !(await kept.store.transact({ if: [guard], then: [put] })).succeeded) {
      throw new HansaError('LINK_TOKEN_USED', 'the token was redeemed already, or withdrawn', {
        fix: 'to end the link that it made: hansa link close <peer>',
      });
    }
    return;
  }
  throw new HansaError('LINK_TOKEN_UNKNOWN', `this cluster has no invitation ${id}`);
}

async function redeem(
  kept: Kept,
  invite: string,
  { usedMs, link }: { readonly usedMs: number; readonly link: LinkRecord },
): Promise<void> {
  const { tables, links } = kept;
  const row = await tables.invites.get(invite);
  const before = await tables.links.get(link.peer);
  if (row?.value.state !== 'open') {
    throw new HansaError('LINK_TOKEN_USED', 'the token was used a moment ago');
  }
  requireRoom(links, link.peer);
  const used: InviteRecord = { ...row.value, state: 'used', usedBy: link.peer, usedMs };
  const done = await commit(
    kept,
    [unchanged(tables.invites.key(invite), row), unchanged(tables.links.key(link.peer), before)],
    [tables.invites.put([invite], used), tables.links.put([link.peer], link)],
  );
  if (!done) {
    throw new HansaError('LINK_TOKEN_USED', 'the token was used a moment ago');
  }
}

function requireRoom(links: WatchedTable<LinkRecord>, peer: ClusterId): void {
  const open = [...links.rows.values()].filter(({ value }) => !value.closed && value.peer !== peer);
  if (open.length >= linksMax) {
    throw new HansaError('LINKS_FULL', `this cluster has ${linksMax} links, the most it may`);
  }
}

async function update(
  kept: Kept,
  peer: ClusterId,
  change: (link: LinkRecord) => LinkRecord,
): Promise<LinkRecord> {
  const { tables } = kept;
  for (;;) {
    const row = await tables.links.get(peer);
    if (row === undefined) {
      throw new HansaError('LINK_NOT_FOUND', `no link to ${peer.slice(0, 8)}…`);
    }
    const next = change(row.value);
    if (next === row.value) {
      return next;
    }
    const guard = unchanged(tables.links.key(peer), row);
    if (await commit(kept, [guard], [tables.links.put([peer], next)])) {
      return next;
    }
  }
}

/** The record is as it was read; absent where it was. */
function unchanged(key: Uint8Array, row: { readonly modRevision: number } | undefined): Compare {
  return { key, target: 'modRevision', op: '=', operand: row?.modRevision ?? 0 };
}

/** False where a guard did not hold; else the cache shows what was written. */
async function commit(
  { store, links }: Kept,
  guards: readonly Compare[],
  ops: readonly Op[],
): Promise<boolean> {
  const result = await store.transact({ if: guards, then: ops });
  if (result.succeeded) {
    await links.reached(result.revision);
  }
  return result.succeeded;
}

// What people may type instead of a name: a peer that calls itself so would be taken for another.
const idPattern = /^[0-9a-f]{4,64}$/;

// Where a rule names its peers these words mean many clusters: a peer that calls itself so must not
// have things shared with all of them.
const reservedNames: readonly string[] = ['public', 'trusted', 'token', 'blocked'];

/**
 * A name is ours to give: a second "bergen" gets the beginning of its id appended, and so does one
 * that is called as we are, or its resources would be taken for ours.
 */
export function uniqueName(
  { links, ownName }: Pick<LinkRecords, 'links'> & { readonly ownName?: string },
  wanted: string,
  cluster: ClusterId,
): string {
  const plain = wanted.replaceAll(/[^A-Za-z0-9_.-]/g, '-').slice(0, 64) || cluster.slice(0, 8);
  const taken = new Set([
    ...reservedNames,
    ...[...links.rows.values()]
      .filter(({ value }) => value.peer !== cluster)
      .map(({ value }) => value.name),
  ]);
  if (ownName !== undefined) {
    taken.add(ownName);
  }
  if (!taken.has(plain) && (!idPattern.test(plain) || cluster.startsWith(plain))) {
    return plain;
  }
  // Somebody may have taken the longer name first, on purpose; nobody else has the whole id.
  const longer = [8, 16, 32].map((length) => `${plain}-${cluster.slice(0, length)}`);
  return longer.find((name) => !taken.has(name)) ?? `${plain}-${cluster.slice(0, 63)}`;
}

/** Theirs first where both name a node: the node itself knows its addresses best. */
export function mergeEndpoints(
  told: readonly Endpoint[],
  known: readonly Endpoint[],
): readonly Endpoint[] {
  const toldNodes = new Set(told.map((endpoint) => endpoint.node));
  return [...told, ...known.filter((endpoint) => !toldNodes.has(endpoint.node))].slice(
    0,
    endpointsMax,
  );
}
