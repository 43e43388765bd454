// The router of signals that a cluster's node hosts: one state for commands, the API and the
// published client; who may what; and what is there again after kill -9.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clasp, Value } from '@clasp-to/core';
import type { AuditRecord } from '@hansa/capabilities/audit/contract';
import type { AcceptLine } from '@hansa/capabilities/signals/frames/line';
import { signalErrors, type ErrorMessage } from '@hansa/capabilities/signals/frames/messages';
import type { MadeSignalToken, RouterStatus } from '@hansa/capabilities/signals/contract';
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { dialWebSocket } from '@hansa/signal-sockets';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSignalClient, type SignalClient } from '../../testkit/signal-client.ts';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { makePerson } from './harness/people.ts';
import { until } from './harness/until.ts';
import { joinAt } from './rooms/signal-router.ts';

const flags = ['--signals', '127.0.0.1:0'];
let lubeck: Cluster;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck', flags });
});

function routerUrl({ data }: Cluster): string {
  const api = JSON.parse(readFileSync(join(data, 'api.json'), 'utf8')) as { signals: string };
  return api.signals;
}

function joined(token: string): Promise<Clasp> {
  return joinAt(routerUrl(lubeck), token);
}

async function valueAt(address: string): Promise<unknown> {
  const done = await lubeck.hansa('signal', 'get', address);
  return done.code === 0 ? done.json<{ value: unknown }>().value : done.report().code;
}

describe('a node with signals', () => {
  test('has one state for commands, the API and the published client', async () => {
    const client = await joined(lubeck.token());
    const seen: (readonly [string, Value])[] = [];
    client.on('/stage/**', (value, address) => void seen.push([address, value]));
    await must(lubeck, 'signal', 'set', '/stage/light', '0.75');
    await lubeck.api('POST', '/signals/publish', {
      address: '/stage/cue',
      type: 'event',
      given: { value: { go: true } },
    });
    await until('the client is told of both', () => seen.length === 2);
    expect(seen).toEqual([
      ['/stage/light', 0.75],
      ['/stage/cue', { go: true }],
    ]);
    client.set('/stage/fog', 'much');
    await until('the command reads it', async () => (await valueAt('/stage/fog')) === 'much');
    const watched = await lubeck.hansa('signal', 'watch', '/stage/*', '--count', '2');
    expect(watched.stdout).toContain('"/stage/light"');
    const { sessions } = await must<{ sessions: { id: string; subject: string }[] }>(
      lubeck,
      'signal',
      'sessions',
    );
    expect(sessions.map(({ subject }) => subject)).toEqual(['owner']);
    await must(lubeck, 'signal', 'end', sessions[0]?.id ?? '');
    await until('the client is gone', () => !client.connected);
    const metrics = await lubeck.api('GET', '/metrics');
    expect(metrics.text).toMatch(/hansa_signal_params 2/);
  });

  test('says who may what by its roles, for people at the API and at the router', async () => {
    const anna = makePerson(lubeck, 'anna');
    await must(lubeck, 'role', 'define', 'lights', '--scope', 'api:signal.*:stage/*');
    await must(lubeck, 'user', 'add', 'anna', '--role', 'lights');
    const invited = await must<{ code: string }>(lubeck, 'login', 'invite', 'anna');
    const given = ['login', '--url', lubeck.url, '--code', invited.code, '--password-stdin'];
    await anna.says(['the sea at Travemünde'], ...given);
    const set = (address: string) => anna.hansa('signal', 'set', address, '1');
    expect((await set('/stage/a')).code).toBe(0);
    expect((await set('/hall/a')).report().code).toBe('FORBIDDEN');
    const client = await joined(anna.session());
    client.set('/hall/a', 1);
    client.set('/stage/a', 2);
    await until('the second is set', async () => (await valueAt('/stage/a')) === 2);
    expect(await valueAt('/hall/a')).toBe('SIGNAL_NOT_FOUND');
    await must(lubeck, 'user', 'disable', 'anna');
    await until('her session ended', () => !client.connected);
    await expect(joined(anna.session())).rejects.toBeInstanceOf(Error);
  });

  test('takes Hansa tokens and its own, and takes its own back', async () => {
    const issued = await must<IssuedToken>(
      lubeck,
      'token',
      'issue',
      '--audience',
      'bearer',
      '--cap',
      'api:signal.write:hall/*',
    );
    const made = await must<MadeSignalToken>(
      lubeck,
      'signal',
      'token',
      'make',
      'desk',
      '--scope',
      'write:/hall/**',
    );
    for (const { token } of [issued, made]) {
      const client = await joined(token);
      client.set('/hall/fan', token.length);
      await until('it is set', async () => (await valueAt('/hall/fan')) === token.length);
    }
    const client = await joined(made.token);
    await must(lubeck, 'signal', 'token', 'revoke', made.id);
    await until('its session ended', () => !client.connected);
    await expect(joined(made.token)).rejects.toBeInstanceOf(Error);
    await expect(joined('cpsk_guess')).rejects.toBeInstanceOf(Error);
    const { records } = await must<{ records: AuditRecord[] }>(lubeck, 'audit', 'list');
    const acts = records.map(({ act, outcome }) => `${act} ${outcome}`);
    const kept = ['router.makeToken OK', 'router.revokeToken OK', 'signal.set FORBIDDEN'];
    expect(acts).toEqual(expect.arrayContaining(kept));
    expect(acts).not.toContain('signal.set OK');
    const { token } = issued;
    const path = '/signals/param?address=/stage/light';
    const { body } = await callApi<ErrorReport>({ url: lubeck.url, token, method: 'GET', path });
    expect(body.code).toBe('TOKEN_SCOPE');
  });
});

test('a session says as many messages a second as its node was told, and is told so', async () => {
  const limit = ['--signals-rate-limit', '5'];
  const slow = await startCluster({ name: 'slow', flags: [...flags, ...limit] });
  const url = routerUrl(slow);
  const dial = (accept: AcceptLine) => dialWebSocket({ url, accept });
  const client = await openSignalClient({ dial, token: slow.token() });
  await client.next('welcome');
  for (let at = 0; at < 20; at += 1) {
    client.say({ type: 'get', address: '/nothing' });
  }
  const { message } = await rateError(client);
  expect(message).toBe('Rate limit exceeded: 5 messages/second');
  client.close();
});

async function rateError(client: SignalClient): Promise<ErrorMessage> {
  for (;;) {
    const told = await client.next('error');
    if (told.code === signalErrors.rate) {
      return told;
    }
  }
}

test('what is durable is there after kill -9, and a client goes on with the port it knew', async () => {
  await must(lubeck, 'signal', 'rule', 'put', '/scene/**', '--durable');
  const before = routerUrl(lubeck);
  const client = await joined(lubeck.token());
  for (let at = 0; at < 50; at += 1) {
    client.set(`/scene/${at}`, at);
  }
  const last = await lubeck.api<{ revision: number }>('POST', '/signals/param', {
    address: '/scene/50',
    value: 50,
  });
  await until('all came', async () => (await valueAt('/scene/49')) === 49);
  await lubeck.kill();
  await lubeck.restart(flags);
  expect(routerUrl(lubeck)).toBe(before);
  for (const at of [0, 25, 50]) {
    expect(await valueAt(`/scene/${at}`)).toBe(at);
  }
  const later = await lubeck.api<{ revision: number }>('POST', '/signals/param', {
    address: '/scene/50',
    value: 51,
  });
  expect(later.body.revision).toBeGreaterThan(last.body.revision);
  const status = await must<RouterStatus>(lubeck, 'signal', 'status');
  expect(status).toMatchObject({ url: before, rules: 1, tokens: 1 });
});
