// What a node of a cluster of several stands on: the shared store, its own key, and the key that
// the cluster's nodes share. A node gets there by founding the cluster, or with a ticket.
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  foundedCluster,
  identityIsKnown,
  type KeySeeds,
} from '@hansa/capabilities/identity/capability';
import {
  claimTicket,
  nodesScope,
  nodeTables,
  readTicket,
} from '@hansa/capabilities/nodes/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  fromBase64Url,
  fromHex,
  fromUtf8,
  HansaError,
  scopeStore,
  toHex,
  utf8,
  type ClusterId,
  type Codec,
  type Crypto,
  type FencedStore,
  type KeyValueStore,
  type NodeId,
  type StoreFence,
} from '@hansa/foundation';
import { openEtcd, type EtcdStore } from '@hansa/store-etcd';
import { lockFolder } from '@hansa/store-lmdb';
import { z } from 'zod';
import { clusterKeys, keyOfSecret, openUnder, sealUnder } from './cluster-keys.ts';
import type { Config } from './config.ts';
import { makeDataFolder } from './data-folder.ts';
import type { Opening } from './opening.ts';
import type { Ground } from './ground.ts';
import {
  readKeys,
  readSecretSeed,
  writeSecret,
  writeSecretSeed,
  type KeyFolderNeeds,
} from './key-folder.ts';
import { keepOwnerToken, ownerToken } from './owner-token.ts';
import { settledStore } from './store-base.ts';
import { writeStoreChoice } from './store-choice.ts';

const ticketContext = 'node-ticket';

export interface MemberGround {
  readonly etcd: EtcdStore;
  /** The whole store, without a fence. */
  readonly store: FencedStore;
  /** Scoped to the nodes' own records. */
  readonly records: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly node: NodeId;
  readonly seed: Uint8Array;
  readonly cluster: ClusterId;
  readonly name: string;
  /** What the other nodes call this one. */
  readonly nodeName: string;
  readonly founded: boolean;
  /** What the active node stands on, for as long as the fence holds. */
  behind(fence: StoreFence): Promise<Ground>;
  sealFor(secret: Uint8Array): Promise<Uint8Array>;
}

export async function openMemberGround(base: Opening): Promise<MemberGround> {
  const { config, clock, random, log, undo } = base;
  const { data } = config;
  await makeDataFolder(data);
  requireUnsealed(config);
  await requireNoStore(data);
  const lock = await lockFolder(join(data, 'member'));
  undo.push(() => lock.release());
  const etcd = await openEtcd({ ...(await accessOf(config)), clock, random, log });
  const { store } = etcd;
  undo.push(() => store.close());
  base.signal.throwIfAborted();
  const [codec, crypto] = [createMsgpackCodec(), createNodeCrypto()];
  const records = scopeStore(store, nodesScope);
  const folder = { folder: join(data, 'keys'), random, environment: {}, known: false };
  const seed = await readSecretSeed(folder, 'node');
  const node = toHex(crypto.publicKey(seed)) as NodeId;
  const parts: Parts = { base, store, records, codec, crypto, folder, node };
  const shared = await sharedKey(parts);
  const keys = clusterKeys({ store: records, codec, random, key: shared.key });
  const seeds = await keys.read();
  if (seeds === undefined) {
    throw new HansaError('KEY_MISMATCH', 'the store does not hold this cluster’s keys');
  }
  const cluster = await clusterOf(parts, seeds.cluster);
  return {
    etcd,
    store,
    records,
    codec,
    crypto,
    node,
    seed,
    cluster,
    name: shared.name,
    nodeName: shared.nodeName,
    founded: shared.founded,
    async behind(fence) {
      const fenced = store.fenced(fence);
      const own = clusterKeys({
        store: scopeStore(fenced, nodesScope),
        codec,
        random,
        key: shared.key,
      });
      const present: KeySeeds = { ...((await own.read()) ?? seeds), node: seed };
      const whole = await settledStore(fenced);
      const known = await identityIsKnown(scopeStore(whole, 'identity'), codec);
      return { store: whole, keys: present, vault: own.vault, known };
    },
    async sealFor(secret) {
      const token = await ownerToken(data, random);
      const given: TicketPayload = {
        key: toHex(shared.key),
        token,
        name: shared.name,
      };
      const plain = utf8(JSON.stringify(given));
      return sealUnder(keyOfSecret(secret), { random, context: ticketContext, plain });
    },
  };
}

interface Parts {
  readonly base: Opening;
  readonly store: FencedStore;
  readonly records: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly folder: KeyFolderNeeds;
  readonly node: NodeId;
}

/** What lies sealed under a ticket's secret. */
interface TicketPayload {
  readonly key: string;
  readonly token: string;
  readonly name: string;
}

const payloadSchema: z.ZodType<TicketPayload> = z.strictObject({
  key: z.string().regex(/^[0-9a-f]{64}$/),
  token: z.string().min(64),
  name: z.string(),
});

interface Shared {
  readonly key: Uint8Array;
  readonly founded: boolean;
  /** What the cluster calls itself, and what the other nodes call this one. */
  readonly name: string;
  readonly nodeName: string;
}

async function sharedKey(parts: Parts): Promise<Shared> {
  const { base, records, codec, folder, node } = parts;
  const held = await readSecretSeed(folder, 'shared', { make: false });
  if (held !== undefined) {
    const member = (await nodeTables(records, codec).members.get(node))?.value;
    if (member === undefined) {
      throw new HansaError('NODE_REMOVED', `${base.config.nodeName} is no node of this cluster`);
    }
    const name = (await rememberedName(base.config.data)) ?? base.config.name;
    return { key: held, founded: false, name, nodeName: member.name };
  }
  const shared =
    base.config.join === undefined ? await found(parts) : await joinWith(parts, base.config.join);
  await writeStoreChoice(base.config.data, etcdChoice(base.config));
  return shared;
}

async function joinWith(parts: Parts, text: string): Promise<Shared> {
  const { base, records, codec, crypto, folder, node } = parts;
  const { clock, config } = base;
  const ticket = readTicket(text);
  const secret = fromBase64Url(ticket.secret);
  const nodeName = await freeName(parts);
  const claimed = { secret, node, name: nodeName };
  const needs = { store: records, codec, crypto, clock };
  const { sealed } = await claimTicket(needs, claimed);
  const plain = fromUtf8(openUnder(keyOfSecret(secret), ticketContext, sealed));
  const given = payloadSchema.parse(JSON.parse(plain));
  const key = fromHex(given.key);
  await keepOwnerToken(config.data, given.token);
  await rememberName(config.data, given.name);
  await writeSecretSeed(folder, 'shared', key);
  return { key, founded: false, name: given.name, nodeName };
}

/** The first node: the keys that its folder has, or new ones, move into the store. */
async function found(parts: Parts): Promise<Shared> {
  const { base, records, codec, folder, node } = parts;
  const { random, clock, config } = base;
  const tables = nodeTables(records, codec);
  if ((await tables.seeds.get('cluster')) !== undefined) {
    throw new HansaError('NODE_TICKET_INVALID', 'that store belongs to a cluster already', {
      fix: 'hansa node invite there, then hansa up --join <ticket> here',
    });
  }
  const known = await identityIsKnown(
    scopeStore(await settledStore(parts.store), 'identity'),
    codec,
  );
  const seeds = await readKeys({ ...folder, known, environment: process.env });
  if (seeds instanceof HansaError) {
    throw seeds;
  }
  const key = random.bytes(32);
  // Before the store: a crash in between leaves a key that opens nothing, and is made anew.
  await clusterKeys({ store: records, codec, random, key }).found(seeds);
  const member = { node, name: config.nodeName, mode: 'serving' as const, joinedMs: clock.now() };
  await records.batchWrite([tables.members.put([node], member)]);
  await rememberName(config.data, config.name);
  await writeSecretSeed(folder, 'shared', key);
  await Promise.all(
    ['cluster.key', 'cluster-next.key'].map((file) =>
      rm(join(config.data, 'keys', file), { force: true }),
    ),
  );
  return { key, founded: !known, name: config.name, nodeName: config.nodeName };
}

async function freeName({ base, records, codec }: Parts): Promise<string> {
  const { nodeName } = base.config;
  const taken = new Set<string>();
  for await (const { value } of nodeTables(records, codec).members.rows()) {
    taken.add(value.name);
  }
  let name = nodeName;
  for (let number = 2; taken.has(name); number += 1) {
    name = `${nodeName}-${number}`;
  }
  return name;
}

async function clusterOf({ crypto, store, codec }: Parts, seed: Uint8Array): Promise<ClusterId> {
  const settled = await settledStore(store);
  const founded = await foundedCluster(scopeStore(settled, 'identity'), codec);
  return founded ?? (toHex(crypto.publicKey(seed)) as ClusterId);
}

/** Values lie in etcd as they are: what is sealed here would not be sealed there. */
function requireUnsealed({ sealKeyFile, sealAgeIdentity }: Config): void {
  if (sealKeyFile ?? sealAgeIdentity ?? process.env['HANSA_SEAL_KEY']) {
    throw new HansaError('CONFIG_INVALID', 'a store on etcd is not sealed by Hansa', {
      fix: 'encrypt the disks of etcd, and start without a seal key',
    });
  }
}

/**
 * Another store in its place would be a cluster that has forgotten everything under the same keys.
 */
async function requireNoStore(data: string): Promise<void> {
  const own = await stat(join(data, 'store')).catch(() => undefined);
  if (own !== undefined) {
    throw new HansaError('CONFIG_INVALID', `the cluster of ${data} has its store in that folder`, {
      fix: 'move it: hansa store migrate --to etcd://…, or choose an empty folder',
    });
  }
}

type Access = Pick<Parameters<typeof openEtcd>[0], 'endpoints' | 'prefix' | 'tls' | 'auth'>;

export async function accessOf(config: Pick<Config, 'store' | 'etcd'>): Promise<Access> {
  const { endpoints, prefix } = etcdChoice(config);
  const { caFile, certFile, keyFile, user } = config.etcd;
  const password = process.env['HANSA_STORE_PASSWORD'];
  const pem = (path: string | undefined) => (path === undefined ? undefined : readFile(path));
  const [ca, cert, key] = await Promise.all([pem(caFile), pem(certFile), pem(keyFile)]);
  return {
    endpoints,
    ...(prefix === undefined ? {} : { prefix: utf8(`${prefix}/`) }),
    ...(ca === undefined ? {} : { tls: { ca, ...(cert && key ? { cert, key } : {}) } }),
    ...(user === undefined ? {} : { auth: { username: user, password: password ?? '' } }),
  };
}

export function etcdChoice({
  store,
}: Pick<Config, 'store'>): Extract<Config['store'], { kind: 'etcd' }> {
  if (store.kind !== 'etcd') {
    throw new HansaError('CONFIG_INVALID', 'the store of this node is its own');
  }
  return store;
}

const nameFile = 'cluster.json';

function rememberName(data: string, name: string): Promise<void> {
  return writeSecret(join(data, nameFile), `${JSON.stringify({ name })}\n`);
}

async function rememberedName(data: string): Promise<string | undefined> {
  const text = await readFile(join(data, nameFile), 'utf8').catch(() => undefined);
  return text === undefined
    ? undefined
    : z.object({ name: z.string() }).parse(JSON.parse(text)).name;
}
