import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createTestKeys } from '../../testkit/test-keys.ts';
import { lubeck, makeTokenCluster, startedClock } from '../../testkit/token-clusters.ts';
import { issuedMax, keysShownMax, originsMax } from './contract.ts';
import { tokenTables } from './keys.ts';

test('tokens issue one another so many times; one more is TOKEN_TOO_DEEP and is not kept', async () => {
  const { tokens, authority } = await makeTokenCluster();
  const ask = { audience: ['bearer'], caps: ['api:tokens.write'] };
  const next = async (token: string): Promise<string> => {
    const caller = authority.authenticate({ token });
    return (await tokens.issue(ask, { caller })).token;
  };
  const { token: first } = await tokens.issue(ask);
  let last = first;
  for (let origins = 1; origins <= originsMax; origins += 1) {
    last = await next(last);
  }
  const before = (await tokens.list({})).tokens.length;
  await expect(next(last)).rejects.toMatchObject({
    code: 'TOKEN_TOO_DEEP',
    facts: { originsMax },
  });
  expect((await tokens.list({})).tokens).toHaveLength(before);
  await expect(next(first)).resolves.toBeDefined();
});

test('so many tokens are known; one more is STORE_LIMIT until those that ran out make room', async () => {
  const clock = startedClock();
  const store = createMemoryStore({ clock });
  const tables = tokenTables(store, createMsgpackCodec());
  const endMs = clock.now() + 60_000;
  const rows = Array.from({ length: issuedMax - 1 }, (_, at) => ({
    jti: String(at).padStart(22, '0'),
    subject: 'ada',
    audience: ['bearer' as const],
    caps: ['app:a'],
    issuedMs: clock.now(),
    expiresMs: endMs,
    delegable: false,
    via: [],
  }));
  for (let at = 0; at < rows.length; at += store.limits.transactionOpsMax) {
    const some = rows.slice(at, at + store.limits.transactionOpsMax);
    await store.batchWrite(some.map((row) => tables.issued.put([row.jti], row)));
  }
  const { tokens } = await makeTokenCluster(1, 'lubeck', { clock, store });
  const issue = () => tokens.issue({ audience: ['bearer'], caps: ['app:a'] });
  await issue();
  const full = await store.status();
  await expect(issue()).rejects.toMatchObject({ code: 'STORE_LIMIT', facts: { max: issuedMax } });
  expect((await store.status()).revision).toBe(full.revision);
  clock.advance(60_000);
  const { jti } = await issue();
  const kept = (await tokens.list({})).tokens.map((row) => row.jti);
  expect(kept).toContain(jti);
  expect(kept).toHaveLength(2);
});

test('of its keys a cluster shows the last few, the newest first', async () => {
  const key = new Uint8Array(32);
  const present = () => ({ keyIndex: 40, key });
  const keys = { ...createTestKeys(), keyOf: () => key, present };
  const { tokens } = await makeTokenCluster(1, 'lubeck', { keys });
  const { keys: shown } = await tokens.keys({});
  expect(shown).toHaveLength(keysShownMax);
  expect(shown[0]).toMatchObject({ kid: `cluster:${lubeck}#40`, kty: 'OKP', alg: 'EdDSA' });
});
