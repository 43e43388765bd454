import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, silentLog, toHex, utf8, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf, nodeOf, seedOf } from '../../testkit/test-cluster.ts';
import { identityCapability } from './capability.ts';
import {
  certificateRenewMs,
  certificateValidityMs,
  identityContract,
  type Identity,
} from './contract.ts';
import { identitySuite } from './identity.suite.ts';
import { identityTables } from './keys.ts';
import { createIdentity, identityIsKnown, type IdentityNeeds, type KeySeeds } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const keys: KeySeeds = { cluster: seedOf(1), next: seedOf(2), node: seedOf(3) };
const malformed = new HansaError('KEY_MALFORMED', 'the cluster key is not 64 hex digits');

let clock: HandClock;
let store: KeyValueStore;

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
  store = createMemoryStore({ clock });
});

function needs(given: Partial<IdentityNeeds> = {}): IdentityNeeds {
  return { store, codec, crypto, clock, log: silentLog, keys, name: 'lubeck', ...given };
}

async function make(given: KeySeeds | HansaError, into: KeyValueStore): Promise<Identity> {
  await createIdentity(needs({ store: into }));
  const made = await createIdentity(needs({ store: into, keys: given }));
  if (made.problem === undefined) {
    await made.renew();
  }
  return made.identity;
}

const fresh = (): KeyValueStore => createMemoryStore({ clock: createHandClock() });
const on = roads<Identity>(identityContract, () => make(keys, fresh()));
const off = roads<Identity>(identityContract, () => make(malformed, fresh()));
on.forEach((road, index) => {
  const broken = off[index];
  if (broken !== undefined) {
    identitySuite(road, broken);
  }
});

describe('a cluster’s inception', () => {
  test('is made once and is the same after a restart, whatever time it is by then', async () => {
    expect(await identityIsKnown(store, codec)).toBe(false);
    const first = await createIdentity(needs());
    const born = await first.identity.show({});
    expect(await identityIsKnown(store, codec)).toBe(true);
    clock.advance(9 * certificateValidityMs);
    const again = await createIdentity(needs({ name: 'renamed' }));
    const shown = await again.identity.show({});
    expect(shown).toMatchObject({ cluster: born.cluster, createdMs: born.createdMs });
    expect(shown.name).toBe('renamed');
    expect(shown.federation).toBe('on');
  });

  test('gives the cluster its first key as id and promises the next by its hash', async () => {
    const { identity } = await createIdentity(needs());
    const shown = await identity.show({});
    expect(shown.cluster).toBe(clusterOf(crypto, 1));
    expect(shown.nextKeyHash).toBe(toHex(crypto.hash(crypto.publicKey(seedOf(2)))));
  });

  test('that was damaged in the store stops federation and is shown as it is', async () => {
    await createIdentity(needs());
    const tables = identityTables(store, codec);
    const row = await tables.inception.get();
    if (row === undefined) {
      throw new Error('it was just made');
    }
    const moved = { ...row.value, createdMs: row.value.createdMs + 1 };
    await store.batchWrite([tables.inception.put([], moved)]);
    const { identity, problem } = await createIdentity(needs());
    expect(problem?.code).toBe('STORE_DAMAGED');
    expect((await identity.show({})).federation).toBe('off');
  });

  test('is not made from keys that cannot be read', async () => {
    await expect(createIdentity(needs({ keys: malformed }))).rejects.toBe(malformed);
    expect(await identityIsKnown(store, codec)).toBe(false);
  });
});

describe('with keys that are not this cluster’s', () => {
  const missing = new HansaError('KEY_MISMATCH', 'the cluster key file is gone');
  test.each([
    ['a malformed key', malformed, 'KEY_MALFORMED'],
    ['a missing key', missing, 'KEY_MISMATCH'],
    ['another cluster key', { ...keys, cluster: seedOf(9) }, 'KEY_MISMATCH'],
    ['another next key', { ...keys, next: seedOf(9) }, 'KEY_MISMATCH'],
    [
      'cluster and next key exchanged',
      { ...keys, cluster: seedOf(2), next: seedOf(1) },
      'KEY_MISMATCH',
    ],
  ])('%s: nothing is signed or proven, and local service goes on', async (_, held, code) => {
    await createIdentity(needs());
    const { identity, signer, problem } = await createIdentity(needs({ keys: held }));
    expect(problem?.code).toBe(code);
    const off = expect.objectContaining({ code: 'FEDERATION_OFF', cause: problem });
    expect(() => signer.sign(utf8('x'))).toThrow(off);
    expect(() => signer.proof()).toThrow(off);
    const shown = await identity.show({});
    expect(shown).toMatchObject({ cluster: clusterOf(crypto, 1), federation: 'off' });
    expect(shown.problem?.code).toBe(code);
  });

  test('the capability starts without them and has no duty', async () => {
    await createIdentity(needs());
    const service = await createIdentity(needs({ keys: malformed }));
    const hosted = identityCapability(service, { clock });
    await hosted.start(new AbortController().signal);
    expect(hosted.duties).toEqual([]);
    expect(hosted.serves.map(({ contract }) => contract.name)).toEqual(['identity']);
  });

  test('another node key is another node of the same cluster, with a certificate of its own', async () => {
    const one = await createIdentity(needs());
    await one.renew();
    const two = await createIdentity(needs({ keys: { ...keys, node: seedOf(4) } }));
    await two.renew();
    expect(two.problem).toBeUndefined();
    expect(two.signer.cluster).toBe(one.signer.cluster);
    expect(two.signer.proof().certificate.node).toBe(nodeOf(crypto, 4));
    expect(one.signer.proof().certificate.node).toBe(nodeOf(crypto, 3));
  });
});

describe('the node’s certificate', () => {
  test('is kept over a restart for half its time, then renewed with the next serial', async () => {
    const service = await createIdentity(needs());
    await service.renew();
    const first = service.signer.proof().certificate;
    clock.advance(certificateRenewMs - 1);
    const restarted = await createIdentity(needs());
    await restarted.renew();
    expect(restarted.signer.proof().certificate).toEqual(first);
    clock.advance(1);
    await restarted.renew();
    const second = restarted.signer.proof().certificate;
    expect(second.serial).toBe(first.serial + 1);
    expect(second.notAfterMs).toBe(clock.now() + certificateValidityMs);
  });

  test('is renewed by its duty, and by nobody asking', async () => {
    const service = await createIdentity(needs());
    const hosted = identityCapability(service, { clock });
    await hosted.start(new AbortController().signal);
    const stop = new AbortController();
    const ended = hosted.duties[0]?.run(stop.signal).catch((reason: unknown) => reason);
    await expect.poll(() => clock.sleepers).toBe(1);
    clock.advance(certificateRenewMs);
    await expect.poll(() => service.signer.proof().certificate.serial).toBe(2);
    stop.abort(new Error('over'));
    await expect(ended).resolves.toMatchObject({ message: 'over' });
  });

  test('from a future that did not come is replaced: the clock was set back', async () => {
    const service = await createIdentity(needs());
    await service.renew();
    const earlier = createHandClock();
    earlier.advance(clock.now() - 1);
    const restarted = await createIdentity(needs({ clock: earlier }));
    await restarted.renew();
    expect(restarted.signer.proof().certificate).toMatchObject({
      serial: 2,
      notBeforeMs: earlier.now(),
    });
  });

  test('that is not there yet cannot be shown', async () => {
    const { signer } = await createIdentity(needs());
    expect(() => signer.proof()).toThrow(expect.objectContaining({ code: 'CERTIFICATE_INVALID' }));
  });
});
