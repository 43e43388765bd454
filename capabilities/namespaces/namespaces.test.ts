import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  silentLog,
  utf8,
  type Capability,
  type ClusterId,
  type FederatedId,
  type Hlc,
} from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf, createTestPeers, linked } from '../../testkit/test-cluster.ts';
import type { ChangeOp, ResourceLog } from '../resources/contract.ts';
import type { FederatedKind, Mirrors } from '../sync/contract.ts';
import { namespacesCapability } from './capability.ts';
import {
  namespaceKind,
  namespacesContract,
  namespacesMax,
  type NamespaceBook,
  type Namespaces,
} from './contract.ts';
import { definitionKey, type Definition } from './keys.ts';
import { namespacesSuite } from './namespaces.suite.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const visby = clusterOf(crypto, 7);
const bergen = clusterOf(crypto, 9);

interface TestMirrors extends Mirrors {
  kind: FederatedKind | undefined;
  hold(resource: FederatedId): Promise<void>;
  state(owner: ClusterId, name: string, definition: Definition): FederatedId;
  drop(resource: FederatedId): Promise<void>;
}

function createTestMirrors(): TestMirrors {
  const held = new Map<FederatedId, Uint8Array>();
  const listeners = new Set<(resource: FederatedId) => void>();
  const made = {
    kind: undefined as FederatedKind | undefined,
    registerKind(kind: FederatedKind) {
      made.kind = kind;
    },
    resolve(spelled: string) {
      const found = [...held.keys()].find((one) => one.endsWith(spelled.split(':')[1] ?? ''));
      if (found === undefined) {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return found;
    },
    all: () =>
      [...held.keys()].map((resource, at) => ({
        resource,
        kind: namespaceKind,
        name: resource.split('/')[1] ?? '',
        addedMs: at,
      })),
    view: async (resource: FederatedId) => ({ entry: async () => ({ value: held.get(resource) }) }),
    subscribe(changed: (resource: FederatedId) => void) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    state(owner: ClusterId, name: string, definition: Definition) {
      const resource = federatedId(owner, localId(namespaceKind, name));
      held.set(resource, codec.encode(definition));
      listeners.forEach((listener) => listener(resource));
      return resource;
    },
    async drop(resource: FederatedId) {
      held.delete(resource);
      await made.kind?.purge({ resource, epoch: 1 });
    },
  };
  return made as unknown as TestMirrors;
}

async function open(): Promise<{
  readonly namespaces: Namespaces;
  readonly book: NamespaceBook;
  readonly mirrors: TestMirrors;
  readonly capability: Capability;
  readonly resources: ResourceLog & { others: number };
}> {
  const bench = createResourceBench();
  const log = await bench.open();
  const more = { kind: namespaceKind, name: '@none' } as ReturnType<typeof log.all>[number];
  const resources = {
    ...log,
    others: 0,
    all: (): ReturnType<typeof log.all> => [
      ...Array.from({ length: resources.others }, () => more),
      ...log.all(),
    ],
  };
  const mirrors = createTestMirrors();
  const peers = createTestPeers();
  peers.set(linked(visby, 'visby'));
  const { signer } = bench;
  const needs = { codec, log: silentLog, signer, resources, mirrors, peers };
  const { book, capability } = namespacesCapability(needs);
  await capability.start(new AbortController().signal);
  const namespaces = capability.serves[0]?.service as Namespaces;
  return { namespaces, book, mirrors, capability, resources };
}

roads<Namespaces>(namespacesContract, async () => (await open()).namespaces).forEach(
  namespacesSuite,
);

describe('the book of namespaces', () => {
  test('follows mirrors as they come and go, and tells each change once', async () => {
    const { book, mirrors, capability } = await open();
    const ending = new AbortController();
    const running = capability.duties[0]?.run(ending.signal);
    let changes = 0;
    book.subscribe(() => (changes += 1));
    const resource = mirrors.state(visby, 'visby', { patterns: ['/visby/**'] });
    await expect
      .poll(() => book.all())
      .toMatchObject([{ resource, role: 'mirror', cluster: visby }]);
    mirrors.state(visby, 'visby', { patterns: ['/visby/**'] });
    await mirrors.drop(resource);
    await expect.poll(() => book.all()).toEqual([]);
    expect(changes).toBe(2);
    ending.abort();
    await running;
  });

  test('believes own namespaces first, then the mirror that was added first', async () => {
    const { namespaces, mirrors } = await open();
    await namespaces.add({ name: 'mine', patterns: ['/mine/**'] });
    mirrors.state(visby, 'one', { patterns: ['/visby/**', '/mine/light'] });
    mirrors.state(bergen, 'two', { patterns: ['/visby/light', '/bergen/**'] });
    mirrors.state(bergen, 'three', { patterns: ['/visby/light'], cluster: visby });
    const { namespaces: all } = await namespaces.list({});
    expect(all.map(({ name, patterns, outdone }) => [name, patterns, outdone])).toEqual([
      ['mine', ['/mine/**'], []],
      ['one', ['/visby/**'], ['/mine/light']],
      ['two', ['/bergen/**'], ['/visby/light']],
      ['three', ['/visby/light'], []],
    ]);
    const removed = namespaces.remove({ namespace: 'visby:one' });
    await expect(removed).rejects.toMatchObject({ code: 'RESOURCE_READ_ONLY' });
  });

  test('has so many own ones and no more', async () => {
    const { namespaces, resources } = await open();
    resources.others = namespacesMax - 1;
    await namespaces.add({ name: 'last', patterns: ['/last/**'] });
    const added = namespaces.add({ name: 'more', patterns: ['/more/**'] });
    await expect(added).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  });
});

describe('a mirror of a namespace', () => {
  const put = (key: Uint8Array, value: Uint8Array): ChangeOp => ({
    put: { key, value, blobs: [] },
  });
  const hlc: Hlc = [0, 0];
  const staged = async (op: ChangeOp): Promise<unknown> => {
    const { mirrors } = await open();
    const change = { epoch: 1, previous: 1, ops: [op], hlc, author: 'visby' };
    const view = {} as Parameters<FederatedKind['stage']>[0];
    const { signal } = new AbortController();
    return mirrors.kind?.stage(view, [{ sequence: 2, change }], signal);
  };

  test('takes patterns and whose they are', async () => {
    const value = codec.encode({ patterns: ['/a/**'], cluster: visby });
    await expect(staged(put(definitionKey, value))).resolves.toBeDefined();
  });

  test.each([
    ['another key', put(utf8('other'), codec.encode({ patterns: ['/a'] }))],
    ['a deletion', { delete: { key: definitionKey } }],
    ['bytes that are nothing', put(definitionKey, Uint8Array.of(0xc1))],
    ['no patterns', put(definitionKey, codec.encode({ patterns: [] }))],
    ['everything', put(definitionKey, codec.encode({ patterns: ['/**'] }))],
    ['no cluster', put(definitionKey, codec.encode({ patterns: ['/a'], cluster: 'visby' }))],
  ])('takes no %s', async (_, op) => {
    await expect(staged(op)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });
});
