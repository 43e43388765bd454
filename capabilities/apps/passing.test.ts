import { HansaError } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  appRow,
  crypto,
  knows,
  ledger,
  linkApps,
  makeAppCluster,
  passFor,
  type AppCluster,
} from '../../testkit/app-clusters.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, settled } from '../../testkit/test-cluster.ts';
import { unavailable } from './calling.ts';
import { appBodyBytesMax, appCallMs, hintsMax } from './contract.ts';
import type { AppEndpoints } from './endpoint.ts';
import { appsPeerContract, type AppsPeer, type PassedCall } from './wire.ts';

const nobody: AppEndpoints = {
  call: async () => {
    throw new HansaError('APP_UNREACHABLE', 'nobody listens');
  },
};
describe('a call', () => {
  test('of an app here goes to its endpoint, with its body and who calls', async () => {
    const lubeck = await makeAppCluster(1, 'lubeck');
    await lubeck.apps.register(ledger);
    const answer = await lubeck.apps.call({
      id: 'ledger',
      path: '/accounts?open=1',
      method: 'POST',
      body: 'AQL_',
      encoding: 'base64url',
    });
    expect(answer).toMatchObject({ status: 200, body: 'lubeck says hello', encoding: 'utf8' });
    expect(lubeck.asked).toMatchObject([
      { endpoint: ledger.endpoint, path: '/accounts?open=1', method: 'POST', caller: 'owner' },
    ]);
    expect(lubeck.asked[0]?.body).toEqual(Uint8Array.of(1, 2, 255));
    const bad = lubeck.apps.call({ id: 'ledger', path: '/', body: '!', encoding: 'base64url' });
    await expect(bad).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const call = (bytes: number) =>
      lubeck.apps.call({ id: 'ledger', path: '/', body: 'x'.repeat(bytes) });
    await expect(call(appBodyBytesMax + 1)).rejects.toMatchObject({
      code: 'INPUT_TOO_LARGE',
      facts: { appBodyBytesMax },
    });
    expect(lubeck.asked).toHaveLength(1);
    await call(appBodyBytesMax);
    expect(lubeck.asked[1]?.body).toHaveLength(appBodyBytesMax);
  });

  test('that an app never answers ends after fifteen seconds', async () => {
    const clock = createHandClock();
    let began = false;
    const endpoints: AppEndpoints = {
      call: (_endpoint, _request, signal) => {
        began = true;
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
      },
    };
    const lubeck = await makeAppCluster(1, 'lubeck', { clock, endpoints });
    await lubeck.apps.register(ledger);
    const answer = lubeck.apps.call({ id: 'ledger', path: '/' });
    await Promise.all([
      expect(answer).rejects.toMatchObject({ code: 'TIMED_OUT' }),
      settled(() => began).then(() => clock.advance(appCallMs)),
    ]);
  });

  test('goes over three clusters with the caller’s own token, narrowed at each', async () => {
    const [lubeck, bergen, riga] = await appRow();
    await riga.apps.register(ledger);
    await knows(lubeck);
    const token = await passFor(lubeck, riga);
    const answer = await lubeck.apps.call({ id: 'ledger', path: '/', token });
    expect(answer).toMatchObject({
      body: 'riga says hello',
      cluster: clusterOf(crypto, 21),
      hops: [clusterOf(crypto, 1), clusterOf(crypto, 11)],
    });
    expect(bergen.asked).toEqual([]);
    expect(riga.asked[0]?.caller).toBe(
      `token ada of ${clusterOf(crypto, 21)} by ${clusterOf(crypto, 11)}`,
    );
  });

  test('may use a token that was given to the cluster itself', async () => {
    const [lubeck, bergen] = await appRow();
    await bergen.apps.register(ledger);
    await knows(lubeck);
    const made = await bergen.tokens.issue({
      audience: ['lubeck'],
      caps: ['app:ledger'],
      delegable: true,
    });
    await lubeck.tokens.add({ token: made.token });
    const ask = { id: 'ledger', path: '/', received: made.jti };
    expect(await lubeck.apps.call(ask)).toMatchObject({ body: 'bergen says hello' });
    await bergen.tokens.revoke({ jti: made.jti });
    await expect(lubeck.apps.call(ask)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  test.each<[string, string, Parameters<typeof passFor>[2]]>([
    [
      'is bound to another cluster',
      'TOKEN_WRONG_AUDIENCE',
      { audience: [`cluster:${clusterOf(crypto, 41)}`] },
    ],
    ['is anybody’s', 'TOKEN_WRONG_AUDIENCE', { audience: ['bearer'], delegable: false }],
    ['was not made to be passed on', 'PROXY_REFUSED', { facts: [] }],
    ['lives for over a quarter of an hour', 'PROXY_REFUSED', { ttlMs: 1_800_000 }],
    ['covers another app', 'TOKEN_SCOPE', { caps: ['app:other'] }],
    ['may not be narrowed again', 'TOKEN_WIDENED', { delegable: false }],
  ])('with a token that %s is %s', async (_, code, given) => {
    const [lubeck, bergen] = await appRow();
    await bergen.apps.register(ledger);
    await knows(lubeck);
    const token = await passFor(lubeck, bergen, given);
    const call = lubeck.apps.call({ id: 'ledger', path: '/', token });
    await expect(call).rejects.toMatchObject({ code });
    expect(bergen.asked).toEqual([]);
  });

  test('with no token, or one that its target does not honour, is refused', async () => {
    const [lubeck, bergen] = await appRow();
    await bergen.apps.register(ledger);
    await knows(lubeck);
    const ask = { id: 'ledger', path: '/' };
    await expect(lubeck.apps.call(ask)).rejects.toMatchObject({
      code: 'PROXY_REFUSED',
      facts: { app: 'ledger', clusters: clusterOf(crypto, 11) },
    });
    // lubeck's own rights are worth nothing at bergen, however it signs them.
    const token = await passFor(lubeck, lubeck);
    await expect(lubeck.apps.call({ ...ask, token })).rejects.toMatchObject({
      code: 'TOKEN_ISSUER',
    });
    await bergen.tokens.honour({ peer: 'lubeck', caps: ['app:*'] });
    expect(await lubeck.apps.call({ ...ask, token })).toMatchObject({ status: 200 });
  });

  test('goes no further than three clusters, and in no circle', async () => {
    const [lubeck, bergen, riga, visby] = await appRow();
    await visby.apps.register(ledger);
    await knows(lubeck);
    const token = await passFor(lubeck, visby);
    expect(await lubeck.apps.call({ id: 'ledger', path: '/', token })).toMatchObject({
      hops: [lubeck, bergen, riga].map((one) => clusterOf(crypto, one.byte)),
    });
    const turku = await makeAppCluster(41, 'turku', { proxy: true });
    linkApps(turku, lubeck);
    await settled(async () => (await turku.apps.list({ peer: 'lubeck' })).unheard.length === 0);
    expect((await turku.apps.list({})).apps).toEqual([]);
  });

  test('is tried at the next cluster that has the app where the first cannot be reached', async () => {
    const [lubeck, bergen] = await appRow();
    const turku = await makeAppCluster(41, 'turku', { proxy: true, endpoints: nobody });
    linkApps(lubeck, turku);
    await bergen.apps.register(ledger);
    await turku.apps.register(ledger);
    await settled(async () => (await lubeck.apps.list({})).apps.length === 2);
    const token = await passFor(lubeck, bergen);
    const answer = await lubeck.apps.call({ id: 'ledger', path: '/', token });
    expect(answer).toMatchObject({ body: 'bergen says hello' });
  });
});

describe('a peer that passes a call on', () => {
  async function peerOf(
    to: AppCluster,
    from: number,
  ): Promise<(given: Partial<PassedCall>) => Promise<unknown>> {
    const carrier = to.way(from);
    const base = {
      app: 'ledger',
      method: 'GET',
      path: '/',
      body: new Uint8Array(0),
      token: 'a.b.c',
      hops: [clusterOf(crypto, from)],
    };
    return (given) =>
      carrier.call(appsPeerContract, 'call' satisfies keyof AppsPeer, { ...base, ...given }, {});
  }

  test('must be linked, and say truly where the call has been', async () => {
    const [lubeck, bergen] = await appRow();
    await bergen.apps.register(ledger);
    const stranger = await peerOf(bergen, 31);
    await expect(stranger({})).rejects.toMatchObject({ code: 'PROXY_REFUSED' });
    const known = await peerOf(bergen, 1);
    for (const hops of [
      [clusterOf(crypto, 31)],
      [clusterOf(crypto, 11), clusterOf(crypto, 1)],
      [clusterOf(crypto, 1), clusterOf(crypto, 1)],
    ]) {
      await expect(known({ hops })).rejects.toMatchObject({ code: 'PROXY_REFUSED' });
    }
    const four = Array.from({ length: 4 }, (_, at) => clusterOf(crypto, 51 + at));
    await expect(known({ hops: four })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const large = known({ body: new Uint8Array(appBodyBytesMax + 1) });
    await expect(large).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    // The largest body is looked at; what stops it is the token.
    for (const body of [new Uint8Array(0), new Uint8Array(appBodyBytesMax)]) {
      await expect(known({ body })).rejects.toMatchObject({ code: 'TOKEN_MALFORMED' });
    }
    expect([...lubeck.asked, ...bergen.asked]).toEqual([]);
  });

  test('cannot use a token that it saw on its way to somebody else', async () => {
    const [lubeck, bergen] = await appRow();
    await bergen.apps.register(ledger);
    // The caller's own child, not one that lubeck has signed for bergen.
    const token = await passFor(bergen, bergen);
    const known = await peerOf(bergen, 1);
    await expect(known({ token })).rejects.toMatchObject({ code: 'TOKEN_WRONG_AUDIENCE' });
    expect(lubeck).toBeDefined();
  });

  test('is refused where calls are not taken', async () => {
    const [, bergen] = await appRow({});
    await bergen.apps.register(ledger);
    const known = await peerOf(bergen, 1);
    await expect(known({})).rejects.toMatchObject({ code: 'PROXY_REFUSED' });
  });
});

test('where an app is not here, so many clusters that have it are named, and no more', () => {
  const known = Array.from({ length: hintsMax + 1 }, (_, at) => ({
    id: 'ledger',
    version: '1',
    name: 'The ledger',
    capabilities: [],
    cluster: clusterOf(crypto, 100 + at),
    clusterName: `cluster-${at}`,
  }));
  const named = (count: number) => {
    const { facts, message } = unavailable('ledger', known.slice(0, count), undefined);
    expect(message.match(/cluster-\d+/g)).toHaveLength(Math.min(count, hintsMax));
    return String(facts?.['clusters']).split(' ');
  };
  expect(named(hintsMax)).toHaveLength(hintsMax);
  expect(named(hintsMax + 1)).toHaveLength(hintsMax);
});
