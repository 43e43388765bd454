// Lists the nodes, lets new ones in, and has one give over what it does. Whoever is told to drain
// reads it in the store; nobody is called.
import {
  HansaError,
  isHansaError,
  toBase64Url,
  toHex,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type LeaseId,
  type NodeId,
  type Random,
  type Row,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import {
  nodesMax,
  presenceSeconds,
  ticketMsDefault,
  ticketsOpenMax,
  type ClusterHealth,
  type ClusterNode,
  type NodeMode,
  type Nodes,
} from './contract.ts';
import { nodeTables, type MemberRecord, type NodeTables, type PresenceRecord } from './keys.ts';
import { ticketSecretBytes, writeTicket } from './ticket.ts';
import type { LoneNode, NodesHost } from './uses.ts';

export interface NodesNeeds {
  /** Scoped to `nodesScope`. */
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly signer: Signer;
  readonly self: LoneNode;
  /** Absent where the store serves one node. */
  readonly host?: NodesHost | undefined;
}

interface Parts extends NodesNeeds {
  readonly tables: NodeTables;
}

export function createNodes(needs: NodesNeeds): Nodes {
  const parts: Parts = { ...needs, tables: nodeTables(needs.store, needs.codec) };
  const moveTo = async (spelled: string, mode: NodeMode): Promise<ClusterNode> => {
    requireSeveral(parts);
    const row = await found(parts, spelled);
    if (mode === 'draining') {
      await requireAnother(parts, row.value.node);
    }
    await replace(parts, row, { ...row.value, mode });
    return shownOf(parts, row.value.node);
  };
  return {
    list: async () => ({ nodes: await allNodes(parts) }),
    invite: ({ ttlMs = ticketMsDefault }) => invite(parts, ttlMs),
    drain: ({ node }) => moveTo(node, 'draining'),
    resume: ({ node }) => moveTo(node, 'serving'),
    remove: ({ node }) => remove(parts, node),
    health: () => health(parts),
  };
}

function requireSeveral({ host }: NodesNeeds): NodesHost {
  if (host === undefined) {
    throw new HansaError('NODES_UNSUPPORTED', 'the store of this cluster serves one node');
  }
  return host;
}

async function allNodes(parts: Parts): Promise<readonly ClusterNode[]> {
  const { host, self } = parts;
  if (host === undefined) {
    const { node, name, version } = self;
    const lone = { node, name, version, api: self.api(), ports: [], joinedMs: 0 };
    return [{ ...lone, role: 'active', mode: 'serving', answers: true }];
  }
  const members = await collect(parts.tables.members.rows());
  const present = new Map((await allPresent(parts)).map((each) => [each.node, each]));
  const active = (await parts.tables.active.get())?.value.node;
  return members.map(({ value }) =>
    shown(value, { active, self, presence: present.get(value.node) }),
  );
}

interface Present extends PresenceRecord {
  readonly silentSeconds: number | undefined;
}

async function allPresent({ store, tables }: Parts): Promise<readonly Present[]> {
  const { entries } = await store.scan({ prefix: tables.presence.prefix() }, { limit: nodesMax });
  return Promise.all(
    entries.map(async (entry) => ({
      ...tables.presence.row(entry).value,
      silentSeconds: await silentSeconds(store, entry.lease),
    })),
  );
}

/** What has passed of its lease, which it renews whenever it says that it is there. */
async function silentSeconds(
  store: KeyValueStore,
  lease: LeaseId | undefined,
): Promise<number | undefined> {
  if (lease === undefined) {
    return undefined;
  }
  try {
    const { ttlSeconds } = await store.leaseTimeToLive(lease);
    // A new leader of etcd lets leases last longer.
    return Math.max(0, presenceSeconds - ttlSeconds);
  } catch (error) {
    // It has ended, and etcd removes what lies under it in a moment.
    return isHansaError(error, 'STORE_LEASE_NOT_FOUND') ? presenceSeconds : undefined;
  }
}

function shown(
  { node, name, mode, joinedMs }: MemberRecord,
  given: {
    readonly active: NodeId | undefined;
    readonly self: LoneNode;
    readonly presence: Present | undefined;
  },
): ClusterNode {
  const { active, self, presence } = given;
  const there = presence === undefined ? 'away' : 'standby';
  return {
    node,
    name,
    role: node === active ? 'active' : there,
    mode,
    silentSeconds: presence?.silentSeconds,
    answers: node === self.node,
    api: presence?.api,
    ports: presence?.ports ?? [],
    version: presence?.version,
    joinedMs,
  };
}

async function shownOf(parts: Parts, node: NodeId): Promise<ClusterNode> {
  const one = (await allNodes(parts)).find((each) => each.node === node);
  if (one === undefined) {
    throw new HansaError('NODE_NOT_FOUND', `the cluster has no node ${node}`);
  }
  return one;
}

async function found({ tables }: Parts, spelled: string): Promise<Row<MemberRecord>> {
  const members = await collect(tables.members.rows());
  const exact = members.filter(({ value }) => value.name === spelled || value.node === spelled);
  const meant =
    exact.length > 0 ? exact : members.filter(({ value }) => value.node.startsWith(spelled));
  const [one] = meant;
  if (one === undefined || meant.length > 1) {
    const several = `several nodes begin with "${spelled}"`;
    throw new HansaError(
      'NODE_NOT_FOUND',
      one === undefined ? `the cluster has no node "${spelled}"` : several,
      { fix: 'hansa node list' },
    );
  }
  return one;
}

/** Whoever gives over needs somebody to give it to. */
async function requireAnother(parts: Parts, leaving: NodeId): Promise<void> {
  const others = (await allNodes(parts)).filter(
    ({ node, mode, role }) => node !== leaving && mode === 'serving' && role !== 'away',
  );
  if (others.length === 0) {
    throw new HansaError('NODE_IN_USE', 'no other node is there that could take over', {
      fix: 'start another node, or hansa node resume one that is drained',
    });
  }
}

async function replace(
  { store, tables }: Parts,
  row: Row<MemberRecord>,
  member: MemberRecord,
): Promise<void> {
  const key = tables.members.key(member.node);
  const { succeeded } = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: row.modRevision }],
    then: [tables.members.put([member.node], member)],
  });
  if (!succeeded) {
    throw new HansaError('CONFLICT', `${member.name} was changed at the same time`, {
      fix: 'look, then repeat it',
    });
  }
}

async function invite(parts: Parts, ttlMs: number): ReturnType<Nodes['invite']> {
  const { store, tables, clock, random, crypto, signer } = parts;
  const host = requireSeveral(parts);
  const open = await forgetExpired(parts);
  const members = await collect(tables.members.rows());
  if (open >= ticketsOpenMax || members.length >= nodesMax) {
    const what = `${nodesMax} nodes and ${ticketsOpenMax} open tickets`;
    throw new HansaError('STORE_LIMIT', `a cluster has at most ${what}`);
  }
  const secret = random.bytes(ticketSecretBytes);
  const expiresMs = clock.now() + ttlMs;
  const { cluster, name } = signer;
  const ticket = writeTicket({
    store: host.storeUrl,
    cluster,
    name,
    secret: toBase64Url(secret),
  });
  const record = { expiresMs, sealed: await host.sealFor(secret) };
  await store.batchWrite([tables.tickets.put([toHex(crypto.hash(secret))], record)]);
  return { ticket, expiresMs };
}

/** How many are open still. */
async function forgetExpired({ store, tables, clock }: Parts): Promise<number> {
  const tickets = await collect(tables.tickets.rows());
  const expired = tickets.filter(({ value }) => value.expiresMs <= clock.now());
  if (expired.length > 0) {
    await store.batchWrite(expired.map(({ key }) => tables.tickets.delete(key)));
  }
  return tickets.length - expired.length;
}

async function remove(parts: Parts, spelled: string): Promise<ClusterNode> {
  requireSeveral(parts);
  const row = await found(parts, spelled);
  const node = await shownOf(parts, row.value.node);
  if (node.role === 'active' || (node.role === 'standby' && node.mode === 'serving')) {
    throw new HansaError('NODE_IN_USE', `${node.name} is ${node.role} and serves`);
  }
  const { store, tables } = parts;
  await store.batchWrite([tables.members.delete([row.value.node])]);
  return node;
}

async function health(parts: Parts): Promise<ClusterHealth> {
  const nodes = await allNodes(parts);
  const { engine, revision, sizeBytes, durability } = await parts.store.status();
  const serving = nodes.filter(({ role, mode }) => role !== 'away' && mode === 'serving');
  const away = nodes.filter(({ role }) => role === 'away');
  const blobs = parts.host?.copies();
  const problems = [
    ...away.map(({ name }) => `${name} is away`),
    ...nodes
      .filter(({ mode, role }) => mode === 'draining' && role !== 'away')
      .map(({ name }) => `${name} is drained: it takes over nothing`),
    ...(parts.host !== undefined && serving.length < 2
      ? ['no other node could take over from the active one']
      : []),
    ...(blobs !== undefined && blobs.short > 0
      ? [`${blobs.short} blobs lie on fewer than ${blobs.copies} nodes`]
      : []),
  ];
  return {
    healthy: problems.length === 0,
    problems,
    active: nodes.find(({ role }) => role === 'active')?.name ?? 'none',
    serving: serving.length,
    away: away.length,
    store: { engine, revision, sizeBytes, durability },
    ...(blobs === undefined ? {} : { blobs }),
  };
}

async function collect<T>(rows: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const row of rows) {
    all.push(row);
  }
  return all;
}
