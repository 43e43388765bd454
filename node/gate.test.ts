import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { Sessions } from '@hansa/capabilities/logins/contract';
import type { TokenAuthority, TokenCaller } from '@hansa/capabilities/tokens/contract';
import {
  HansaError,
  isHansaError,
  principal,
  type AuditEntry,
  type Caller,
  type Clock,
  type HttpRoute,
  type Log,
} from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createApiGate, type ApiGateNeeds } from './gate.ts';
import { gateLimits } from './gate-limits.ts';
import { shelvesContract } from './shelves.suite.ts';

const cluster: Caller = { kind: 'cluster', cluster: 'c' as never, node: 'n' as never };

function build(needs: Partial<ApiGateNeeds> = {}) {
  let atMs = 0;
  const lines: [name: string, fields: object][] = [];
  const clock: Clock = { now: () => 0, monotonicMs: () => atMs, sleep: async () => undefined };
  const log: Log = {
    event: (name, fields = {}) => void lines.push([name, fields]),
    problem: (name, error, fields = {}) => void lines.push([name, { ...fields, error }]),
    with: () => log,
  };
  const gate = createApiGate({ token: 'secret', clock, log, ...needs });
  return { gate, lines, pass: (ms: number) => (atMs += ms) };
}

test('the owner’s token makes the owner; anything else is UNAUTHENTICATED', async () => {
  const { gate, lines } = build();
  expect(await gate.authenticate({ source: 'a', token: 'secret' })).toEqual({ kind: 'owner' });
  for (const token of ['secre', 'secret2', '']) {
    const refused = gate.authenticate({ source: 'a', token });
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  }
  const told = { source: 'a', reason: 'UNAUTHENTICATED' };
  expect(lines).toEqual(Array(3).fill(['token.refused', told]));
});

test('whoever brings nothing is nobody: let in to what is open, and UNAUTHENTICATED elsewhere', async () => {
  const { gate } = build();
  const nobody = await gate.authenticate({ source: 'a' });
  expect(nobody).toEqual({ kind: 'anonymous' });
  gate.authorise(nobody, { permission: 'open' });
  for (const permission of ['kv.read', 'kv.write', 'self', 'peer']) {
    expect(() => gate.authorise(nobody, { permission })).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    );
  }
});

test('a caller whom the transport has proven needs no token', async () => {
  const { gate } = build();
  expect(await gate.authenticate({ source: 'c', proven: cluster })).toEqual(cluster);
});

test('the eleventh wrong token in a minute is RATE_LIMITED, for its source alone', async () => {
  const { gate, pass } = build();
  const guess = async (source: string): Promise<unknown> =>
    gate.authenticate({ source, token: 'guess' }).catch((error: unknown) => error);
  for (let i = 0; i < 10; i += 1) {
    expect(await guess('a')).toMatchObject({ code: 'UNAUTHENTICATED' });
  }
  expect(await guess('a')).toMatchObject({
    code: 'RATE_LIMITED',
    facts: { retryAfterSeconds: 6 },
    fix: 'retry in 6 s',
  });
  expect(await guess('b')).toMatchObject({ code: 'UNAUTHENTICATED' });
  pass(6_000);
  expect(await guess('a')).toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('requests are limited by source: a burst, then a rate', () => {
  const limits = {
    ...gateLimits,
    requestsPerSecond: 10,
    requestsBurst: 3,
    failuresPerMinute: 1,
    sourcesMax: 8,
  };
  const { gate, pass } = build({ limits });
  const admit = () => gate.admit({ source: 'a' });
  [1, 2, 3].forEach(admit);
  expect(admit).toThrow('too many requests');
  gate.admit({ source: 'b' });
  pass(100);
  admit();
  expect(admit).toThrow('too many requests');
});

test('a session that is none is a guess; a right one is let in meanwhile', async () => {
  const anna: Caller = {
    kind: 'principal',
    principal: principal({ kind: 'user', name: 'anna' }),
    proof: 'session:s',
    expiresMs: 1,
  };
  const sessions: Pick<Sessions, 'authenticate'> = {
    authenticate(text) {
      if (text !== 'hs_right') {
        throw new HansaError('UNAUTHENTICATED', 'the session is over, or never was');
      }
      return anna;
    },
  };
  const { gate } = build({ sessions: sessions as Sessions });
  const come = async (token: string): Promise<unknown> =>
    gate.authenticate({ source: 'a', token }).catch((error: unknown) => error);
  for (let i = 0; i < 10; i += 1) {
    expect(await come(`hs_${i}`)).toMatchObject({ code: 'UNAUTHENTICATED' });
  }
  expect(await come('hs_more')).toMatchObject({ code: 'RATE_LIMITED' });
  expect(await come('hs_right')).toEqual(anna);
});

test('the addresses of one network of version 6 are one source', async () => {
  const limits = { ...gateLimits, requestsPerSecond: 1, requestsBurst: 2, failuresPerMinute: 2 };
  const { gate } = build({ limits });
  const guess = async (source: string): Promise<unknown> =>
    gate.authenticate({ source, token: 'guess' }).catch((error: unknown) => error);
  for (const own of ['1', '2']) {
    gate.admit({ source: `2001:db8:1:2::${own}` });
    expect(await guess(`2001:db8:1:2::${own}`)).toMatchObject({ code: 'UNAUTHENTICATED' });
  }
  expect(() => gate.admit({ source: '2001:db8:1:2::3' })).toThrow('too many requests');
  expect(await guess('2001:db8:1:2::3')).toMatchObject({ code: 'RATE_LIMITED' });
  gate.admit({ source: '2001:db8:1:3::1' });
  expect(await guess('2001:db8:1:3::1')).toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('what a road has counted where it came in is not counted again', () => {
  const limits = { ...gateLimits, requestsPerSecond: 1, requestsBurst: 1 };
  const { gate } = build({ limits });
  gate.admit({ source: 'a' });
  gate.admit({ source: 'a', proven: { kind: 'anonymous' }, admitted: true });
  expect(() => gate.admit({ source: 'a' })).toThrow('too many requests');
});

test('a caller is limited wherever it comes from, and no other caller with it', async () => {
  const limits = { ...gateLimits, callerRequestsPerSecond: 10, callerRequestsBurst: 3 };
  const tokens: Pick<TokenAuthority, 'authenticate'> = {
    authenticate: ({ token }) => ({
      kind: 'token',
      holder: 'bearer',
      subject: 's',
      principal: token.startsWith('anna') ? principal({ kind: 'user', name: 'anna' }) : undefined,
      scopes: [],
      chain: [token],
      expiresMs: 1,
    }),
  };
  const { gate, pass } = build({ limits, tokens: tokens as TokenAuthority });
  const ask = (source: string, token: string): Promise<Caller> =>
    gate.authenticate({ source, token });
  await ask('a', 'anna.1');
  await ask('b', 'anna.2');
  await ask('c', 'anna.1');
  await expect(ask('d', 'anna.3')).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    facts: { retryAfterSeconds: 1 },
  });
  await ask('a', 'other.1');
  await ask('a', 'secret');
  pass(100);
  await ask('d', 'anna.3');
});

test('calls of this process itself are not limited, linked clusters’ are', () => {
  const limits = {
    ...gateLimits,
    requestsPerSecond: 1,
    requestsBurst: 1,
    failuresPerMinute: 1,
    sourcesMax: 8,
  };
  const { gate } = build({ limits });
  const own = () => gate.admit({ source: 'p', proven: { kind: 'owner' } });
  [1, 2, 3].forEach(own);
  const peer = () => gate.admit({ source: 'c', proven: cluster });
  peer();
  expect(peer).toThrow('too many requests');
});

test('the memory for sources is bounded', () => {
  const limits = {
    ...gateLimits,
    requestsPerSecond: 1,
    requestsBurst: 1,
    failuresPerMinute: 1,
    sourcesMax: 2,
  };
  const { gate } = build({ limits });
  ['a', 'b', 'c'].forEach((source) => gate.admit({ source }));
  gate.admit({ source: 'a' }); // forgotten, and so welcome again
  expect(() => gate.admit({ source: 'c' })).toThrow('too many requests');
});

test('the owner may everything but speak for a cluster; a cluster only what is for peers', () => {
  const { gate } = build();
  const may = (caller: Caller, permission: string): boolean => {
    try {
      gate.authorise(caller, { permission });
      return true;
    } catch (error) {
      const code = caller.kind === 'anonymous' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
      expect(error).toMatchObject({ code });
      return false;
    }
  };
  const allowed = (caller: Caller) =>
    ['links.write', 'links.read', 'peer', 'open'].filter((one) => may(caller, one));
  expect(allowed({ kind: 'owner' })).toEqual(['links.write', 'links.read', 'open']);
  expect(allowed(cluster)).toEqual(['peer', 'open']);
  expect(allowed({ kind: 'anonymous' })).toEqual(['open']);
});

test('only writes and our own faults are logged', () => {
  const push: HttpRoute = {
    method: 'POST',
    path: '/git/*',
    permission: 'forge.write',
    summary: 'Push.',
    handle: async () => ({ status: 200, headers: {}, body: new Uint8Array(0) }),
  };
  const { gate, lines } = build({ contracts: [shelvesContract], routes: [push] });
  const entry = (contract: string, method: string, more: Partial<AuditEntry> = {}) =>
    gate.record({
      contract,
      method,
      caller: { kind: 'owner' },
      source: 's',
      outcome: 'OK',
      ...more,
    });
  void entry('shelves', 'find');
  void entry('shelves', 'put');
  void entry('http', 'POST /git/*', { outcome: 'POLICY_DENIED' });
  void entry('shelves', 'find', { outcome: 'INTERNAL', fault: new Error('inside') });
  expect(lines.map(([name, fields]) => [name, 'method' in fields && fields.method])).toEqual([
    ['call.served', 'shelves.put'],
    ['call.served', 'http.POST /git/*'],
    ['call.failed', 'shelves.find'],
  ]);
});

const ledgerCaller: TokenCaller = {
  kind: 'token',
  holder: 'bearer',
  subject: 'the ledger',
  scopes: ['api:links.read'],
  chain: ['t'.repeat(22)],
  expiresMs: 1,
};

function authority(found: HansaError | undefined): TokenAuthority {
  return {
    authenticate({ token }) {
      if (found !== undefined) {
        throw found;
      }
      expect(token).toBe('a.b.c');
      return ledgerCaller;
    },
    lapse: () => expect.fail('nothing is held'),
  };
}

test('a capability token makes a caller who may what its scopes say, and no more', async () => {
  const tokens = authority(undefined);
  const access: Pick<AccessControl, 'authorise'> = {
    authorise(_caller, { permission }) {
      if (permission !== 'links.read' && permission !== 'open') {
        throw new HansaError('TOKEN_SCOPE', 'too narrow');
      }
    },
  };
  const contracts = [shelvesContract];
  const { gate, lines } = build({ tokens, access: access as AccessControl, contracts });
  const caller = await gate.authenticate({ source: 'a', token: 'a.b.c' });
  expect(caller).toEqual(ledgerCaller);
  gate.authorise(caller, { permission: 'links.read' });
  gate.authorise(caller, { permission: 'open' });
  for (const permission of ['links.write', 'peer']) {
    expect(() => gate.authorise(caller, { permission })).toThrow('too narrow');
  }
  const entry = { contract: 'shelves', method: 'put', source: 's', outcome: 'OK' };
  void gate.record({ ...entry, caller });
  expect(lines).toMatchObject([['call.served', { caller: `token ${'t'.repeat(22)}` }]]);
});

test('the owner token stays the owner’s where capability tokens are taken', async () => {
  const { gate } = build({ tokens: authority(undefined), token: 'with.dots.in it' });
  const owner = { source: 'a', token: 'with.dots.in it' };
  expect(await gate.authenticate(owner)).toEqual({ kind: 'owner' });
  const guess = gate.authenticate({ source: 'a', token: 'guess' });
  await expect(guess).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('who is held to what they were allowed hears of it once when they may no longer', () => {
  const anna: Caller = {
    kind: 'principal',
    principal: principal({ kind: 'user', name: 'anna' }),
    proof: 'session:s',
    expiresMs: 1,
  };
  const listeners = new Set<() => void>();
  let may = true;
  const access: Pick<AccessControl, 'authorise' | 'subscribe'> = {
    authorise() {
      if (!may) {
        throw new HansaError('FORBIDDEN', 'no role');
      }
    },
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
  const { gate } = build({ access: access as AccessControl });
  const heard: unknown[] = [];
  const hold = (caller: Caller) =>
    gate.hold?.({ caller, asked: { permission: 'kv.read' }, lapsed: (why) => heard.push(why) });
  const tell = () => listeners.forEach((listener) => listener());

  hold(anna)?.();
  expect(listeners.size).toBe(0);
  hold({ kind: 'owner' });
  expect(listeners.size).toBe(0);

  hold(anna);
  tell();
  expect(heard).toEqual([]);
  may = false;
  tell();
  tell();
  expect(heard).toMatchObject([{ code: 'FORBIDDEN' }]);
  expect(listeners.size).toBe(0);

  hold(anna); // it has changed since it was allowed
  expect(heard).toHaveLength(2);
  expect(listeners.size).toBe(0);
});

test('a token that nobody issued counts as a guess; one that ran out does not', async () => {
  const tried = async (code: 'TOKEN_FORGED' | 'TOKEN_EXPIRED'): Promise<unknown[]> => {
    const { gate } = build({ tokens: authority(new HansaError(code, 'no')) });
    const codes: unknown[] = [];
    for (let at = 0; at < 11; at += 1) {
      await gate.authenticate({ source: 'a', token: 'a.b.c' }).catch((error: unknown) => {
        codes.push(isHansaError(error) && error.code);
      });
    }
    return codes;
  };
  expect(await tried('TOKEN_EXPIRED')).toEqual(Array(11).fill('TOKEN_EXPIRED'));
  expect(await tried('TOKEN_FORGED')).toEqual([...Array(10).fill('TOKEN_FORGED'), 'RATE_LIMITED']);
});
