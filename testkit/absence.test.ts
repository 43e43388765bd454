// What is not shared and what does not exist take one way: the same answer, and the same reads of
// the store and the disk on the way to it, whatever a peer may ask about a resource. Counted, since
// a clock would tell of the machine.
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createIdentity } from '@hansa/capabilities/identity/capability';
import { policiesContract, type Policies } from '@hansa/capabilities/policies/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  localId,
  reportOf,
  scopeStore,
  silentLog,
  type AnyContract,
  type Blobs,
  type BlobId,
  type Caller,
  type ClusterId,
  type Edge,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { compose, createPeerGate, type Composition } from '@hansa/node';
import { createCedarEngine } from '@hansa/policy-cedar';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeAll, describe, expect, test } from 'vitest';
import { createHandClock } from './hand-clock.ts';
import { createNoteKind, noteOps } from './note-kind.ts';
import { createSeededRandom } from './seeded-random.ts';
import { clusterOf, nodeOf } from './test-cluster.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const stranger = clusterOf(crypto, 21);
const quietTurns = 200; // of the event loop: a stream that has said nothing by then waits

let made: Composition;
let owner: ClusterId;
let reads: string[];
let blob: BlobId;

/** The same store or blobs, every read of which is written down. */
function watched<T extends object>(what: T, names: readonly (keyof T & string)[]): T {
  return new Proxy(what, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') {
        return member;
      }
      return (...given: unknown[]): unknown => {
        if (names.some((each) => each === name)) {
          reads.push(String(name));
        }
        return Reflect.apply(member, target, given);
      };
    },
  });
}

beforeAll(async () => {
  reads = [];
  const clock = createHandClock();
  clock.advance(1_700_000_000_000);
  const random = createSeededRandom(5);
  const store: KeyValueStore = watched(createMemoryStore({ clock }), ['get', 'scan', 'batchRead']);
  const blobs: Blobs = watched(createMemoryBlobs({ crypto }), ['info', 'chunks', 'read']);
  const keys = { cluster: random.bytes(32), next: random.bytes(32), node: random.bytes(32) };
  const identity = await createIdentity({
    store: scopeStore(store, 'identity'),
    codec,
    crypto,
    clock,
    log: silentLog,
    keys,
    name: 'lubeck',
  });
  await identity.renew();
  made = compose({
    store,
    blobs,
    codec,
    crypto,
    clock,
    random,
    log: silentLog,
    policyEngine: createCedarEngine,
    transport: undefined,
    git: undefined,
    identity,
    peerGate: createPeerGate(silentLog),
    kinds: [createNoteKind({ blobs })],
    facts: {
      version: 'test',
      pid: 0,
      data: '',
      settings: [],
      api: () => '',
      addresses: () => [],
      memoryBytes: () => 0,
      stop: () => undefined,
    },
  });
  const never = new AbortController().signal;
  for (const each of made.capabilities) {
    await each.start(never);
  }
  owner = identity.signer.cluster;
  for (const name of ['shared', 'secret']) {
    const line = { key: 'a', text: `text of ${name}`, attachment: `cargo of ${name}` };
    const { id } = await made.resources.create({ kind: 'note', name });
    await made.resources.append(id, await noteOps({ blobs, crypto }, [line]), { author: 'ada' });
  }
  for await (const reference of made.resources.blobs(localId('note', 'secret'))) {
    blob = reference.id;
  }
  const served = made.capabilities.flatMap(({ serves }) => serves);
  const policies = served.find(({ contract }) => contract.name === policiesContract.name)
    ?.service as Policies;
  await policies.add({
    effect: 'allow',
    resources: { name: 'shared' },
    peers: { public: true },
    direction: 'bidirectional',
  });
});

interface Question {
  readonly contract: AnyContract;
  readonly method: string;
}

/** Everything that a question about a resource has ever needed; what a method does not know, it
 * drops. */
function inputAbout(resource: FederatedId): Record<string, unknown> {
  const bytes = new Uint8Array(32).fill(7);
  return {
    resource,
    resources: [resource],
    epoch: 0,
    sequence: 0,
    blob,
    blobs: [blob],
    indexes: [0],
    ref: 'refs/heads/main',
    nibble: 1,
    salt: bytes,
    lane: resource,
    since: { epoch: 0, sequence: 0 },
    paths: [],
    nodes: [],
  };
}

/** What peers may ask about a resource: whatever takes one, today and with the next capability. */
function questions(edge: Edge): readonly Question[] {
  const about = inputAbout(federatedId(owner, localId('note', 'secret')));
  return edge.contracts.flatMap((contract) =>
    Object.entries(contract.methods)
      .filter(([, { input }]) => {
        const read = input.safeParse(about);
        return read.success && JSON.stringify(read.data).includes('note/secret');
      })
      .map(([method]) => ({ contract, method })),
  );
}

/** What a peer hears, and what was read until then. */
async function ask(
  { contract, method }: Question,
  resource: FederatedId,
): Promise<{ readonly heard: string; readonly read: readonly string[] }> {
  const proven: Caller = { kind: 'cluster', cluster: stranger, node: nodeOf(crypto, 22) };
  const control = new AbortController();
  const request = {
    contract: contract.name,
    method,
    input: inputAbout(resource),
    credential: { proven, source: stranger },
    signal: control.signal,
  };
  reads = [];
  const answer =
    contract.methods[method]?.watch === true
      ? made.peerEdge.watch(request)[Symbol.asyncIterator]().next()
      : made.peerEdge.call(request);
  const told = answer.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error: reportOf(error) }),
  );
  const quiet = (async () => {
    for (let turn = 0; turn < quietTurns; turn += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    return 'it waits';
  })();
  const heard = JSON.stringify(await Promise.race([told, quiet]));
  const read = reads;
  control.abort();
  await told;
  return { heard, read };
}

const named = (name: string): FederatedId => federatedId(owner, localId('note', name));

describe('a peer that asks about a resource', () => {
  test('is asked about by many methods, of which the known ones are found here', () => {
    const found = questions(made.peerEdge).map(
      ({ contract, method }) => `${contract.name}.${method}`,
    );
    expect(found).toEqual(
      expect.arrayContaining([
        'sync-peer.follow',
        'sync-peer.heads',
        'blob-peer.manifest',
        'blob-peer.chunks',
      ]),
    );
  });

  test('hears the same of what is not shared and of what is not there, after the same reads', async () => {
    for (const question of questions(made.peerEdge)) {
      const what = `${question.contract.name}.${question.method}`;
      // Whatever is made once and kept is made before anybody counts.
      await ask(question, named('nobody'));
      const unknown = await ask(question, named('nobody'));
      const unshared = await ask(question, named('secret'));
      expect([what, unshared.heard.replaceAll('secret', 'nobody')]).toEqual([what, unknown.heard]);
      expect([what, unshared.read]).toEqual([what, unknown.read]);
      expect(unshared.heard).not.toContain('text of');
    }
  });

  test('of what it may see does make the owner read', async () => {
    const all = questions(made.peerEdge);
    const follow = all.find(({ method }) => method === 'follow');
    const heard = follow === undefined ? undefined : await ask(follow, named('shared'));
    expect(heard?.heard).toContain('change');
    expect(heard?.read.length).toBeGreaterThan(0);
  });
});
