// Access of one cluster with a directory that a test writes by hand, and the engine of the product.
import { accessCapability } from '@hansa/capabilities/access/capability';
import type { Access, AccessControl } from '@hansa/capabilities/access/contract';
import type {
  Account,
  Directories,
  RoleDefinition,
  RoleGrant,
} from '@hansa/capabilities/directory/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  silentLog,
  splitPrincipal,
  type AnyContract,
  type Caller,
  type ClusterId,
  type HttpRoute,
  type KeyValueStore,
  type Principal,
} from '@hansa/foundation';
import { createCedarEngine } from '@hansa/policy-cedar';
import { createMemoryStore } from '@hansa/store-memory';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { createHandClock, type HandClock } from './hand-clock.ts';
import { clusterOf, createTestPeers, linked, type TestPeers } from './test-cluster.ts';

const crypto = createNodeCrypto();
export const lubeck: ClusterId = clusterOf(crypto, 1);
export const bergen: ClusterId = clusterOf(crypto, 11);

export interface WrittenAccount {
  readonly groups?: readonly string[];
  readonly roles?: readonly (string | RoleGrant)[];
  readonly disabled?: boolean;
  readonly clusters?: readonly ClusterId[];
  readonly sinceMs?: number | undefined;
}

export interface HandDirectories extends Directories {
  put(principal: string, account: WrittenAccount): void;
  remove(principal: string): void;
  define(role: string, scopes: readonly string[]): void;
}

export function createHandDirectories(): HandDirectories {
  const accounts = new Map<string, Account>();
  const roles = new Map<string, RoleDefinition>();
  const listeners = new Set<() => void>();
  let generation = 0;
  const changed = (): void => {
    generation += 1;
    [...listeners].forEach((listener) => listener());
  };
  return {
    find: (principal) => accounts.get(principal),
    role: (name) => roles.get(name),
    roles: () => [...roles.values()],
    accounts: () => [...accounts.values()],
    get generation() {
      return generation;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    put(
      principal,
      { groups = [], roles: given = [], disabled = false, clusters = [], sinceMs = 0 },
    ) {
      const { home = lubeck } = splitPrincipal(principal);
      accounts.set(principal, {
        principal: principal as Principal,
        disabled,
        groups,
        roles: given.map((one) =>
          typeof one === 'string' ? { role: one, by: splitHome(principal) } : one,
        ),
        clusters,
        sinceMs,
        directory: `${home}:directory/people` as Account['directory'],
      });
      changed();
    },
    remove(principal) {
      accounts.delete(principal);
      changed();
    },
    define(role, scopes) {
      roles.set(role, { role, scopes });
      changed();
    },
  };
}

function splitHome(principal: string): string {
  return principal.split('@')[0] ?? principal;
}

/** Contracts that ask for these permissions, and promise nothing. */
export function contractsFor(permissions: readonly string[]): readonly AnyContract[] {
  const names = [...new Set(permissions.map((one) => one.split('.')[0] ?? ''))];
  return names.map((name) => ({
    name,
    version: 1,
    methods: Object.fromEntries(
      permissions
        .filter((one) => one.startsWith(`${name}.`))
        .map((permission) => [
          permission.split('.')[1] ?? '',
          {
            summary: `Uses ${permission}.`,
            permission: permission as `${string}.read`,
            input: z.unknown(),
            output: z.unknown(),
            errors: [],
          },
        ]),
    ),
  }));
}

export const permissionsOfTests: readonly string[] = [
  'access.read',
  'access.write',
  'directory.write',
  'forge.read',
  'forge.write',
  'kv.read',
  'kv.write',
  'links.read',
  'links.write',
];

export interface AccessCluster {
  readonly access: Access;
  readonly control: AccessControl;
  readonly directories: HandDirectories;
  readonly peers: TestPeers;
  readonly clock: HandClock;
  restart(): Promise<AccessCluster>;
}

export async function makeAccessCluster(
  ground: {
    readonly store?: KeyValueStore;
    readonly directories?: HandDirectories;
    readonly routes?: readonly HttpRoute[];
  } = {},
): Promise<AccessCluster> {
  const clock = createHandClock();
  const store = ground.store ?? createMemoryStore({ clock });
  const directories = ground.directories ?? createHandDirectories();
  const peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
  const { capability, control } = accessCapability({
    store,
    codec: createMsgpackCodec(),
    // Pauses between decisions are not waited for: nobody else is here.
    clock: { ...clock, sleep: async () => undefined },
    log: silentLog,
    signer: { cluster: lubeck, name: 'lubeck' },
    peers,
    directories,
    policyEngine: createCedarEngine,
    served: () => ({
      contracts: contractsFor(permissionsOfTests),
      routes: ground.routes ?? [],
    }),
  });
  await capability.start(new AbortController().signal);
  onTestFinished(() => capability.stop());
  return {
    access: capability.serves[0]?.service as Access,
    control,
    directories,
    peers,
    clock,
    async restart() {
      await capability.stop();
      return makeAccessCluster({ ...ground, store, directories });
    },
  };
}

export function somebody(principal: string): Caller {
  return {
    kind: 'principal',
    principal: principal as Principal,
    proof: 'session:test',
    expiresMs: 1,
  };
}

export function withToken(scopes: readonly string[], principal?: string): Caller {
  return {
    kind: 'token',
    holder: 'bearer',
    subject: 'a test',
    principal: principal as Principal | undefined,
    scopes,
    chain: ['t'.repeat(22)],
    expiresMs: 1,
  };
}
