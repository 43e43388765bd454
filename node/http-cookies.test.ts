// What a browser's cookies are to the door: a session, or nothing.
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { credentialOf, withoutSessions } from './http-guard.ts';

const session = `hs_${'A'.repeat(43)}`;

function request(headers: Readonly<Record<string, string>>, encrypted = false): IncomingMessage {
  const socket = { remoteAddress: '127.0.0.1', ...(encrypted ? { encrypted } : {}) };
  return { headers, socket, method: 'GET', url: '/' } as IncomingMessage;
}

test('a session in the cookie of its connection is a token that proves no intent', () => {
  const plain = credentialOf(request({ cookie: `a=b; hansa=${session}; c=d` }));
  expect(plain).toMatchObject({ byCookie: true, token: session, source: '127.0.0.1' });
  const secure = credentialOf(request({ cookie: `__Host-hansa=${session}` }, true));
  expect(secure).toMatchObject({ byCookie: true, token: session });
});

test.each([
  ['of the other kind of connection', `__Host-hansa=${session}`, false],
  ['of the other kind of connection', `hansa=${session}`, true],
  ['that holds another token', `hansa=${'0'.repeat(64)}`, false],
  ['of another name', `xhansa=${session}`, false],
  ['without a value', 'hansa', false],
])('a cookie %s is nothing: %s', (_why, cookie, encrypted) => {
  const { token, byCookie } = credentialOf(request({ cookie }, encrypted));
  expect({ token, byCookie }).toEqual({ token: undefined, byCookie: false });
});

test('a header goes before the cookie, and proves that a program asks', () => {
  const cookie = `hansa=${session}`;
  const given = credentialOf(request({ cookie, authorization: 'Bearer other' }));
  expect(given).toMatchObject({ byCookie: false, token: 'other' });
});

test('no handler sees a session', () => {
  expect(withoutSessions(`a=b; hansa=${session}; __Host-hansa=${session}; c=d=e`)).toBe(
    'a=b; c=d=e',
  );
});
