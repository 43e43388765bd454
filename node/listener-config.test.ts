import { expect, test } from 'vitest';
import {
  certificateNames,
  certificateValidities,
  hostAndPort,
  isLoopback,
  tlsWanted,
} from './listener-config.ts';

test('loopback is what only this machine reaches', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'LOCALHOST']) {
    expect(isLoopback(host)).toBe(true);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example', '127.evil.example']) {
    expect(isLoopback(host)).toBe(false);
  }
});

test('TLS is on where the API leaves loopback, and cannot be off there', () => {
  expect(tlsWanted('auto', '127.0.0.1')).toBe(false);
  expect(tlsWanted('on', '127.0.0.1')).toBe(true);
  expect(tlsWanted('off', 'localhost')).toBe(false);
  expect(tlsWanted('auto', '0.0.0.0')).toBe(true);
  expect(() => tlsWanted('off', '0.0.0.0')).toThrow('without TLS');
  expect(() => tlsWanted('off', 'api.example')).toThrow('without TLS');
});

test('the certificate is for where it listens, this machine and the names that were given', () => {
  expect(certificateNames('0.0.0.0', ['API.example', '10.0.0.1', '[fd00::1]'])).toEqual({
    dns: ['localhost', 'api.example'],
    ips: ['127.0.0.1', '::1', '10.0.0.1', 'fd00::1'],
  });
  expect(certificateNames('host.example', []).dns).toEqual(['localhost', 'host.example']);
});

test('an authority lasts longer than it takes to be followed by the next', () => {
  const of = (root: string, hint: string) =>
    certificateValidities(
      (name) =>
        ({
          'cert-root-validity': root,
          'cert-refresh-hint': hint,
        })[name] ?? '30d',
    );
  expect(of('365d', '5m')).toMatchObject({ rootMs: 365 * 86_400_000, refreshHintMs: 300_000 });
  expect(() => of('12s', '2s')).toThrow('six times');
  expect(() => of('365d', '2d')).toThrow('longer than a day');
});

test('signals listen at a host and a port, or nowhere', () => {
  expect(hostAndPort('127.0.0.1:7330')).toEqual({ host: '127.0.0.1', port: 7_330 });
  expect(hostAndPort('[::1]:0')).toEqual({ host: '::1', port: 0 });
  expect(hostAndPort('hall.example:65535')).toEqual({ host: 'hall.example', port: 65_535 });
  for (const text of ['', '7330', ':7330', 'host', 'host:', 'host:65536', 'a b:1', '::1:7330']) {
    expect(hostAndPort(text)).toBeUndefined();
  }
  expect(() => tlsWanted('off', '0.0.0.0', 'signals')).toThrow('signals would leave this machine');
});
