import { createMsgpackCodec } from '@hansa/codec-msgpack';
import type { KeyValueStore, Op, Principal } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandDirectories } from '../../testkit/access-cluster.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { makeLoginCluster } from '../../testkit/login-cluster.ts';
import {
  bindingsMax,
  groupsMappedMax,
  loginsContract,
  passwordsMax,
  providersMax,
  sessionsMax,
} from './contract.ts';
import { loginTables, type LoginTables } from './keys.ts';
import { oidcPendingMax } from './oidc-logins.ts';
import { boundedHashing, hashingRunningMax, hashingWaitingMax } from './password-hashing.ts';

const right = 'a right password';

async function filled(
  count: number,
  row: (tables: LoginTables, at: number) => Op,
): Promise<{ clock: ReturnType<typeof createHandClock>; store: KeyValueStore }> {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const tables = loginTables(store, createMsgpackCodec());
  const ops = Array.from({ length: count }, (_, at) => row(tables, at));
  for (let at = 0; at < ops.length; at += store.limits.transactionOpsMax) {
    await store.batchWrite(ops.slice(at, at + store.limits.transactionOpsMax));
  }
  return { clock, store };
}

test(`${passwordsMax} users have passwords; one more is STORE_LIMIT`, async () => {
  const ground = await filled(passwordsMax, ({ passwords }, at) => {
    const user = `u${at}`;
    return passwords.put([user], { user, phc: `plain:${right}`, setMs: 0, mustChange: false });
  });
  const { logins, people } = await makeLoginCluster(ground);
  people.put('user:u1', {});
  people.put('user:anna', {});
  const set = (user: string) => logins.setPassword({ user, newPassword: 'another password' });
  await expect(set('anna')).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  await expect(set('u1')).resolves.toBeDefined();
});

test(`${sessionsMax} sessions go on at a time; the one unused the longest gives way`, async () => {
  const ground = await filled(sessionsMax, ({ sessions }, at) => {
    const id = String(at).padStart(16, '0');
    const principal = `user:u${at}` as Principal;
    const times = { createdMs: 0, usedMs: at, expiresMs: 1_000_000 };
    const where = { source: '', agent: '', by: 'password', mark: '', hash: '0'.repeat(64) };
    return sessions.put([id], { id, principal, ...times, ...where });
  });
  const people = createHandDirectories();
  people.put('user:anna', {});
  for (let at = 0; at < sessionsMax; at += 1) {
    people.put(`user:u${at}`, {});
  }
  const cluster = await makeLoginCluster({ ...ground, people });
  const { code } = await cluster.logins.invite({ user: 'anna' });
  await cluster.logins.codeLogin({ code, password: right });
  const of = async (user: string): Promise<number> =>
    (await cluster.logins.sessions({ user })).sessions.length;
  expect([await of('u0'), await of('u1'), await of('anna')]).toEqual([0, 1, 1]);
});

test(`${providersMax} providers are known; one more is STORE_LIMIT`, async () => {
  const { logins } = await makeLoginCluster();
  const put = (at: number) =>
    logins.putProvider({ provider: `p${at}`, issuer: 'https://id.example', client: 'c' });
  for (let at = 0; at < providersMax; at += 1) {
    await put(at);
  }
  await expect(put(providersMax)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  await expect(put(0)).resolves.toBeDefined();
});

test(`${bindingsMax} subjects are bound; one more is STORE_LIMIT`, async () => {
  const bound = { provider: 'p', user: 'anna', by: 'operator', atMs: 0 };
  const ground = await filled(bindingsMax, ({ bindings }, at) => {
    const subject = `s${at}`;
    return bindings.put(['p', subject], { ...bound, subject });
  });
  const { logins, people } = await makeLoginCluster(ground);
  people.put('user:anna', {});
  await logins.putProvider({ provider: 'p', issuer: 'https://id.example', client: 'c' });
  const bind = logins.bind({ provider: 'p', user: 'anna', subject: 'one more' });
  await expect(bind).rejects.toMatchObject({ code: 'STORE_LIMIT' });
});

test(`${groupsMappedMax} groups of a provider are mapped; one more fits no schema`, () => {
  const { input } = loginsContract.methods.putProvider;
  const mapping = (count: number): object => ({
    provider: 'p',
    issuer: 'https://id.example',
    client: 'c',
    groups: Object.fromEntries(Array.from({ length: count }, (_, at) => [`theirs ${at}`, 'ours'])),
  });
  expect(input.safeParse(mapping(groupsMappedMax)).success).toBe(true);
  expect(input.safeParse(mapping(groupsMappedMax + 1)).success).toBe(false);
});

test(`${oidcPendingMax} logins wait for their browser; the oldest gives way`, async () => {
  const cluster = await makeLoginCluster();
  await cluster.logins.putProvider({ provider: 'p', issuer: 'https://id.example', client: 'c' });
  const begin = async (): Promise<string> => {
    const { url } = await cluster.logins.oidcStart({ provider: 'p' });
    return new URL(url).searchParams.get('state') ?? '';
  };
  const first = await begin();
  const second = await begin();
  for (let at = 2; at <= oidcPendingMax; at += 1) {
    await begin();
  }
  const route = cluster.capability.routes.find(({ crossSite }) => crossSite === true);
  const arrive = (state: string) =>
    route?.handle(
      { method: 'GET', params: { provider: 'p' }, query: { state }, headers: {}, body: none() },
      { signal: new AbortController().signal },
    );
  await expect(arrive(first)).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
  await expect(arrive(second)).rejects.toMatchObject({ code: 'LOGIN_UNBOUND' });
});

test('so many passwords are hashed at a time, so many wait, and whoever comes later is told', async () => {
  let running = 0;
  let most = 0;
  const leave: (() => void)[] = [];
  const hashing = boundedHashing({
    hash: async (password) => password,
    async verify() {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => leave.push(resolve));
      running -= 1;
      return true;
    },
  });
  const all = Array.from({ length: hashingRunningMax + hashingWaitingMax }, () =>
    hashing.verify('', ''),
  );
  await expect(hashing.hash('one more')).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    facts: { retryAfterSeconds: 2 },
  });
  while (leave.length > 0) {
    leave.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await Promise.all(all)).toHaveLength(hashingRunningMax + hashingWaitingMax);
  expect(most).toBe(hashingRunningMax);
  expect(await hashing.hash('as before')).toBe('as before');
});

async function* none(): AsyncIterable<Uint8Array> {
  yield* [];
}
