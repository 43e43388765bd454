import { describe, expect, test } from 'vitest';
import { readConfig, type Config } from './config.ts';

function configured(flags: Readonly<Record<string, string>>): Promise<Config> {
  return readConfig({ data: 'nowhere/at-all', flags, environment: {} });
}

describe('ways of finding clusters', () => {
  test('are off where nobody has switched them on', async () => {
    const config = await configured({});
    const { gossip, mdns, dht, dhtBootstrap, relays } = config;
    expect({ gossip, mdns, dht, dhtBootstrap, relays }).toEqual({
      gossip: false,
      mdns: false,
      dht: false,
      dhtBootstrap: [],
      relays: [],
    });
  });

  test('are on by their word, and nothing else is a word', async () => {
    await expect(configured({ gossip: 'on', mdns: 'on' })).resolves.toMatchObject({
      gossip: true,
      mdns: true,
    });
    await expect(configured({ mdns: 'yes' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('the DHT needs nodes to begin with: none are asked that nobody has named', async () => {
    await expect(configured({ dht: 'on' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const nodes = { dht: 'on', 'dht-bootstrap': '192.0.2.1:6881,dht.example:6881' };
    await expect(configured(nodes)).resolves.toMatchObject({
      dht: true,
      dhtBootstrap: ['192.0.2.1:6881', 'dht.example:6881'],
    });
    const nameless = configured({ dht: 'on', 'dht-bootstrap': '192.0.2.1' });
    await expect(nameless).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('host:port'),
    });
  });
});

describe('a relay', () => {
  test('is an https URL', async () => {
    const relays = 'https://relay.example,https://relay.example:8443/';
    await expect(configured({ relays })).resolves.toMatchObject({ relays: relays.split(',') });
  });

  test.each([
    'http://relay.example',
    'relay.example',
    'https://',
    'https://user:secret@relay.example',
    'https://relay.example/path',
    'https://relay.example/?query',
  ])('is not %s', async (relays) => {
    await expect(configured({ relays })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('a relay is an https:// URL'),
    });
  });
});

describe('signals', () => {
  test('connect nowhere until a place is named, and leave this machine by TLS alone', async () => {
    expect((await configured({})).signals).toBeUndefined();
    const here = { host: '127.0.0.1', port: 7_330, tls: false, origins: [] };
    expect((await configured({ signals: '127.0.0.1:7330' })).signals).toEqual(here);
    const away = await configured({ signals: '0.0.0.0:7330' });
    expect(away.signals).toMatchObject({ tls: true });
    expect(away.tls).toBe(false);
    for (const flags of [
      { signals: '7330' },
      { signals: 'ws://127.0.0.1:7330' },
      { signals: '0.0.0.0:7330', tls: 'off' },
    ]) {
      await expect(configured(flags)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  test('take a thousand messages a second of a session, or as many as is said', async () => {
    expect((await configured({})).signalsRateLimit).toBe(1_000);
    expect((await configured({ 'signals-rate-limit': '0' })).signalsRateLimit).toBe(0);
    for (const odd of ['-1', 'many', '1.5']) {
      const refused = configured({ 'signals-rate-limit': odd });
      await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  test('take pages of other machines where their origins are named', async () => {
    const flags = { signals: '127.0.0.1:7330', 'signals-origins': 'https://show.example:8443' };
    const { signals } = await configured(flags);
    expect(signals?.origins).toEqual(['https://show.example:8443']);
    const odd = configured({ ...flags, 'signals-origins': 'show.example' });
    await expect(odd).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
