import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, type Caller, type Op, type Principal } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { callerAccess, decidedMax } from './caller-access.ts';
import {
  patternLengthMax,
  routerContract,
  rulesMax,
  sessionsShownMax,
  signalTokenScopesMax,
  signalTokensMax,
  signalTokenTtlMaxMs,
  tokenSubjectLengthMax,
} from './hosted-contract.ts';
import { signalContract, type RouterDesk } from './contract.ts';
import { hostSignals, type HostedSignals } from './hosting.ts';
import { hostedTables } from './keys.ts';

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const cluster = clusterOf(crypto, 1);
const allowing = {
  decide: () => ({ allowed: true, reason: '', policies: [], roles: [] }),
  subscribe: () => () => undefined,
  requireGrantable: () => undefined,
};

async function hosted(
  rows: (tables: ReturnType<typeof hostedTables>) => readonly Op[] = () => [],
): Promise<{ readonly hosted: HostedSignals; readonly desk: RouterDesk }> {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const ops = rows(hostedTables(store, codec));
  for (let at = 0; at < ops.length; at += 100) {
    await store.transact({ if: [], then: ops.slice(at, at + 100) });
  }
  const made = hostSignals({
    clock,
    random: createSeededRandom(1),
    log: silentLog,
    codec,
    crypto,
    store,
    cluster,
    name: 'lubeck',
    access: allowing,
    url: () => undefined,
  });
  await made.capability.start(new AbortController().signal);
  onTestFinished(() => made.capability.stop());
  return { hosted: made, desk: made.capability.serves[1]?.service as RouterDesk };
}

describe('the bounds of a hosted router', () => {
  test(`there are ${rulesMax} rules at most, each of which may be put anew`, async () => {
    const { desk } = await hosted(({ rules }) =>
      Array.from({ length: rulesMax }, (_, place) =>
        rules.put([`/r/${place}`], { pattern: `/r/${place}`, place }),
      ),
    );
    const refused = desk.putRule({ pattern: '/more' });
    await expect(refused).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    await desk.putRule({ pattern: '/r/7', durable: true });
    await desk.removeRule({ pattern: '/r/8' });
    expect(await desk.putRule({ pattern: '/more' })).toEqual({ pattern: '/more', place: 1_000 });
  });

  test(`there are ${signalTokensMax} tokens at most, but for those that have run out`, async () => {
    const row = { form: 'cpsk', subject: 'x', scopes: ['read:/**'], madeMs: 0 } as const;
    const filled = (count: number, expiresMs: number) =>
      hosted(({ tokens }) =>
        Array.from({ length: count }, (_, index) => {
          const hash = crypto.hash(Uint8Array.of(index & 0xff, index >>> 8));
          const id = String(index);
          return tokens.put([id], { ...row, id, hash, expiresMs, revoked: false });
        }),
      );
    const asked = { subject: 'x', scopes: ['read:/**'] };
    const full = await filled(signalTokensMax, 1);
    await expect(full.desk.makeToken(asked)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    const over = await filled(signalTokensMax, 0);
    await over.desk.makeToken(asked);
    expect((await over.desk.tokens({})).tokens).toHaveLength(1);
  });

  test(`${sessionsShownMax} sessions are shown, and that there are more`, async () => {
    const { hosted: router, desk } = await hosted();
    const visits = Array.from({ length: sessionsShownMax + 1 }, () =>
      router.visit({ kind: 'owner' }),
    );
    await Promise.all(visits);
    const { sessions, more } = await desk.sessions({});
    expect([sessions.length, more]).toEqual([sessionsShownMax, true]);
    const id = sessions[0]?.id ?? '';
    await desk.endSession({ id });
    expect(await desk.sessions({})).toMatchObject({ more: false });
    await expect(desk.endSession({ id })).rejects.toMatchObject({ code: 'SIGNAL_NOT_FOUND' });
  });

  test(`a session remembers ${decidedMax} decisions, then begins anew`, () => {
    let asked = 0;
    const caller: Caller = {
      kind: 'principal',
      principal: 'user:anna' as Principal,
      proof: 'session:test',
      expiresMs: 1,
    };
    const decide = () => {
      asked += 1;
      return allowing.decide();
    };
    const { allows } = callerAccess({ access: { ...allowing, decide }, cluster, caller });
    for (let at = 0; at < decidedMax; at += 1) {
      allows('read', `/a/${at}`);
      allows('read', '/a/0');
    }
    expect(asked).toBe(decidedMax);
    allows('read', '/one/more');
    allows('read', '/a/0');
    expect(asked).toBe(decidedMax + 2);
    expect(allows('read', '/')).toBe(false);
    expect(allows('write', `/@${cluster}/x`)).toBe(false);
  });

  test('what is asked of it is as long as the protocol and lists bear', () => {
    const { putRule, makeToken } = routerContract.methods;
    const long = `/${'a'.repeat(patternLengthMax)}`;
    expect(putRule.input.safeParse({ pattern: long }).success).toBe(false);
    expect(signalContract.methods.get.input.safeParse({ address: long }).success).toBe(false);
    const token = { subject: 'x', scopes: ['read:/**'] };
    const takes = (more: object) => makeToken.input.safeParse({ ...token, ...more }).success;
    expect(takes({ ttlMs: signalTokenTtlMaxMs })).toBe(true);
    expect(takes({ ttlMs: signalTokenTtlMaxMs + 1 })).toBe(false);
    expect(takes({ subject: 'x'.repeat(tokenSubjectLengthMax + 1) })).toBe(false);
    const scopes = Array.from({ length: signalTokenScopesMax + 1 }, () => 'read:/**');
    expect(takes({ scopes })).toBe(false);
  });
});
