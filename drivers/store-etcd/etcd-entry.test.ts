import { utf8, type KeyValueStore } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { k, nextChange, nextOf, refusal, showEvent, valueOf } from '../../testkit/store-fixture.ts';
import { endpointsMax } from './connection.ts';
import { openEtcdStore, type EtcdStoreNeeds } from './etcd-store.ts';

const clock = createSystemClock();
const times = { attemptMs: 2_000, callMs: 3_000 }; // of whoever is to be turned away
const patient = { attemptMs: 10_000, callMs: 30_000 }; // on a machine that tests on all cores

async function open(needs: Omit<EtcdStoreNeeds, 'clock'>): Promise<KeyValueStore> {
  const store = await openEtcdStore({ times: patient, ...needs, clock });
  onTestFinished(() => store.close());
  return store;
}

function tlsOf({ tls }: EtcdCluster): NonNullable<EtcdCluster['tls']> {
  if (tls === undefined) {
    throw new Error('this etcd is not encrypted');
  }
  return tls;
}

const isPossible = requires('etcd').available && requires('openssl').available;

describe.skipIf(!isPossible)('an encrypted etcd', () => {
  let etcd: EtcdCluster;
  let stranger: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ tls: true });
    stranger = await startEtcd({ tls: true });
  });
  afterAll(async () => {
    await etcd.end();
    await stranger.end();
  });

  test('is entered with a certificate of its authority, written and watched', async () => {
    const endpoints = etcd.endpoints.map((one) => `https://${one}`);
    const store = await open({ endpoints, tls: tlsOf(etcd) });
    const { signal } = new AbortController();
    const watch = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
    await nextOf(watch);
    await store.set(k('a'), k('1'));
    expect((await nextChange(watch)).events.map(showEvent)).toEqual(['a=1']);
    expect(await valueOf(store, 'a')).toBe('a=1');
  });

  test('is not entered without one, nor with another authority’s, nor in the clear', async () => {
    const { endpoints } = etcd;
    const { ca } = tlsOf(etcd);
    await refusal(openEtcdStore({ endpoints, clock, times, tls: { ca } }), 'STORE_UNAVAILABLE');
    const foreign = tlsOf(stranger);
    await refusal(openEtcdStore({ endpoints, clock, times, tls: foreign }), 'STORE_UNAVAILABLE');
    await refusal(openEtcdStore({ endpoints, clock, times }), 'STORE_UNAVAILABLE');
  });

  test('addresses and certificates that do not fit each other are refused at once', async () => {
    const { ca, cert } = tlsOf(etcd);
    const bad: Omit<EtcdStoreNeeds, 'clock'>[] = [
      { endpoints: [] },
      { endpoints: Array.from({ length: endpointsMax + 1 }, () => 'a:1') },
      { endpoints: ['no port'] },
      { endpoints: ['https://127.0.0.1:1'] },
      { endpoints: ['http://127.0.0.1:1'], tls: { ca } },
      { endpoints: ['127.0.0.1:1'], tls: { ca, cert } },
    ];
    for (const needs of bad) {
      await refusal(openEtcdStore({ ...needs, clock }), 'CONFIG_INVALID');
    }
  });
});

describe.skipIf(!requires('etcd').available)('an etcd with users', () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ rootPassword: 'secret' });
  });
  afterAll(() => etcd.end());

  test('is entered with a name and a password, and with nothing else', async () => {
    const { endpoints } = etcd;
    const prefix = utf8('entered/');
    const auth = { username: 'root', password: 'secret' };
    const store = await open({ endpoints, prefix, auth });
    await store.set(k('a'), k('1'));
    expect(await valueOf(store, 'a')).toBe('a=1');
    const wrong = { username: 'root', password: 'wrong' };
    await refusal(openEtcdStore({ endpoints, clock, times, auth: wrong }), 'STORE_REFUSED');
    await refusal(openEtcdStore({ endpoints, clock, times }), 'STORE_REFUSED');
  });

  test('a token that etcd has forgotten is asked for again, by calls and by watches', async () => {
    const { endpoints, members } = etcd;
    const store = await open({
      endpoints,
      prefix: utf8('forgotten/'),
      auth: { username: 'root', password: 'secret' },
    });
    const { signal } = new AbortController();
    const watch = store.watch({ prefix: k('') }, { signal })[Symbol.asyncIterator]();
    await nextOf(watch);
    await store.set(k('a'), k('1'));
    expect((await nextChange(watch)).events.map(showEvent)).toEqual(['a=1']);
    await members[0]?.kill(); // tokens are in its memory only
    await members[0]?.start();
    await store.set(k('a'), k('2'));
    expect((await nextChange(watch)).events.map(showEvent)).toEqual(['a=2']);
    expect(await valueOf(store, 'a')).toBe('a=2');
  });
});

test('where nobody listens, that is said in time', async () => {
  const needs = { endpoints: ['127.0.0.1:1'], clock, times: { attemptMs: 200, callMs: 500 } };
  await refusal(openEtcdStore(needs), 'STORE_UNAVAILABLE');
});
