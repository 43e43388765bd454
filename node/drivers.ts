// Opens what a node stands on: store, keys, identity, transport, blobs and git, on real disks and
// sockets. What cannot federate opens without a transport.
import { join } from 'node:path';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { internalRefPrefix } from '@hansa/capabilities/forge/capability';
import {
  createIdentity,
  type IdentityService,
  type KeySeeds,
} from '@hansa/capabilities/identity/capability';
import type { DataPlane } from '@hansa/capabilities/links/planes-driver';
import type { DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, isHansaError, scopeStore, type Transport } from '@hansa/foundation';
import { createOpenIdProvider } from '@hansa/login-oidc';
import { createArgon2Hashing } from '@hansa/passwords-argon2';
import { createGitCli } from '@hansa/git-cli';
import { openTlsPlane } from '@hansa/plane-tls';
import { createCedarEngine } from '@hansa/policy-cedar';
import { openIrohTransport } from '@hansa/transport-iroh';
import { createBackupWriter } from './backup/writer.ts';
import type { Drivers, LoginDrivers } from './composition-needs.ts';
import { openDiscovery } from './discovery-drivers.ts';
import type { Ground } from './ground.ts';
import type { Opening } from './opening.ts';
import type { Ports } from './ports.ts';
import { hansaVersion } from './version.ts';

export interface OpenDrivers extends Drivers {
  readonly identity: IdentityService;
  /** Whether this start has made the cluster. */
  readonly founded: boolean;
  readonly logins: LoginDrivers;
  /** Absent where federation is off. */
  readonly discovery: DiscoveryOptions | undefined;
}

export async function openDrivers(
  base: Opening,
  { ports, ground }: { readonly ports: Ports; readonly ground: Ground },
): Promise<OpenDrivers> {
  const { config, clock, random, log } = base;
  const { data, name } = config;
  const codec = createMsgpackCodec();
  const crypto = createNodeCrypto();
  const { store, keys, inspection, seals, sealer } = ground;
  const identity = await createIdentity({
    store: scopeStore(store, 'identity'),
    codec,
    crypto,
    clock,
    log,
    keys,
    name,
    vault: ground.vault,
  });
  if (identity.problem !== undefined) {
    log.problem('federation.off', identity.problem);
  }
  const transport =
    identity.problem === undefined && !(keys instanceof HansaError)
      ? await openTransport(base, keys, ports)
      : undefined;
  const blobs =
    ground.blobs ?? (await openDiskBlobs({ folder: join(data, 'blobs'), crypto, random, log }));
  const git = await createGitCli({
    folder: join(data, 'git'),
    hiddenRefs: [internalRefPrefix],
    log,
  });
  const plane =
    transport !== undefined && !(keys instanceof HansaError)
      ? await openPlane(base, keys, ports)
      : undefined;
  const { cluster } = identity.signer;
  const version = hansaVersion;
  const seeds = keys instanceof HansaError ? undefined : keys;
  const copied = { store, blobs, crypto, codec, clock, data, sealer, cluster, name, version };
  const backups = createBackupWriter({ ...copied, seeds });
  const discovery = transport === undefined ? undefined : await openDiscovery(base, crypto);
  const policyEngine = createCedarEngine;
  const touched = { store, inspection, blobs, codec, crypto, clock, random, log, policyEngine };
  const founded = !ground.known && identity.problem === undefined;
  const logins = { hashing: createArgon2Hashing(), openId: createOpenIdProvider(clock) };
  return {
    ...touched,
    nearby: ground.nearby,
    backups,
    logins,
    founded,
    transport,
    plane,
    git,
    identity,
    discovery,
    seals,
  };
}

/**
 * A remembered port that somebody else took meanwhile is given up; a configured one is an error.
 */
async function openTransport(
  { config, clock, log, undo }: Opening,
  keys: KeySeeds,
  ports: Ports,
): Promise<Transport> {
  const open = (port: number): Promise<Transport> =>
    openIrohTransport({
      seed: keys.node,
      bind: { host: config.linkHost, port },
      relays: config.relays,
      clock,
      log,
    });
  const transport =
    config.linkPort !== 0
      ? await open(config.linkPort)
      : await open(ports.link ?? 0).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN')) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => transport.close());
  return transport;
}

/** Where it listens the link listens too; a port that was taken meanwhile is given up likewise. */
async function openPlane(
  { config, log, undo }: Opening,
  keys: KeySeeds,
  ports: Ports,
): Promise<DataPlane | undefined> {
  if (config.dataPlane === 'iroh-only') {
    return undefined;
  }
  const open = (port: number): Promise<DataPlane> =>
    openTlsPlane({ seed: keys.node, bind: { host: config.linkHost, port }, log });
  const plane =
    config.planePort !== 0
      ? await open(config.planePort)
      : await open(ports.plane ?? 0).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN')) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => plane.close());
  return plane;
}
