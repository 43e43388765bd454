import { createVirtualClock } from '../../../testkit/virtual-clock.ts';
import { expect, test } from 'vitest';
import { createRig } from './router-rig.suite.ts';
import { createTokenBook, scopesAllow } from './scopes.ts';

test('reading, writing and everything are told apart; who may write may read, not watch', () => {
  const allows = scopesAllow(['r:/r/**', 'write:/w/*', 'admin:/a/**', '*:/b']);
  expect(allows('read', '/r/x')).toBe(true);
  expect(allows('watch', '/r/**')).toBe(true);
  expect(allows('write', '/r/x')).toBe(false);
  expect(allows('write', '/w/x')).toBe(true);
  expect(allows('read', '/w/x')).toBe(true);
  expect(allows('watch', '/w/x')).toBe(false);
  expect(allows('write', '/w/x/y')).toBe(false);
  for (const verb of ['read', 'watch', 'write'] as const) {
    expect(allows(verb, '/a/x')).toBe(true);
    expect(allows(verb, '/b')).toBe(true);
    expect(allows(verb, '/c')).toBe(false);
  }
});

test('a pattern is watched only where one scope covers it as a whole', () => {
  const allows = scopesAllow(['read:/a/*', 'read:/b/**']);
  expect(allows('watch', '/a/**')).toBe(false);
  expect(allows('watch', '/a/x')).toBe(true);
  expect(allows('watch', '/a/*')).toBe(true);
  expect(allows('watch', '/**')).toBe(false);
  expect(allows('watch', '/b/*/c/**')).toBe(true);
});

test.each(['', 'read', 'read:', 'read:a', 'own:/a', 'constructor:/a', ':/a', 'read:/a//b'])(
  '"%s" is no scope',
  (scope) => {
    expect(() => scopesAllow([scope])).toThrow('is no scope');
  },
);

test('tokens are looked up: none and unknown ones are 300, expired ones 302', async () => {
  const clock = createVirtualClock();
  const tokens = [
    { token: 'cpsk_good', scopes: ['read:/a/**'], subject: 'ann' },
    { token: 'cpsk_old', scopes: ['admin:/**'], subject: 'bob', expiresMs: clock.now() },
    { token: 'cpsk_soon', scopes: [], subject: 'eve', expiresMs: clock.now() + 1_000 },
  ];
  const rig = createRig({ clock, doorkeeper: createTokenBook(clock, tokens) });
  const coming = (token: string | undefined): number[] => {
    const line = rig.line();
    line.say({ type: 'hello', version: 1, features: [], name: 'x', token });
    return line.errorCodes;
  };
  expect([undefined, 'cpsk_bad', 'cpsk_old', 'cpsk_good'].map(coming)).toEqual([
    [300],
    [300],
    [302],
    [],
  ]);
  const soon = await rig.join({ token: 'cpsk_soon' });
  await clock.advance(1_000);
  expect(soon.errorCodes).toEqual([302]);
});

test('a token may allow another number of messages a second than others have', async () => {
  const clock = createVirtualClock();
  const scopes = ['admin:/**'];
  const tokens = [
    { token: 'link', scopes, subject: 'site-a', messagesPerSecondMax: 0 },
    { token: 'user', scopes, subject: 'ann' },
  ];
  const options = { messagesPerSecondMax: 10 };
  const rig = createRig({ clock, options, doorkeeper: createTokenBook(clock, tokens) });
  const acked: number[] = [];
  for (const token of ['link', 'user']) {
    const line = await rig.join({ token });
    for (let i = 0; i < 100; i += 1) {
      line.set('/a', i);
    }
    acked.push(line.messages('ack').length);
  }
  expect(acked).toEqual([100, 10]);
});
