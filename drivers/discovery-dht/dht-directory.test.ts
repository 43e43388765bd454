import { createSocket } from 'node:dgram';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, utf8, type Log } from '@hansa/foundation';
import { afterEach, describe, expect, test } from 'vitest';
import { seedOf } from '../../testkit/test-cluster.ts';
import { openDhtDirectory, type DhtDirectory } from './index.ts';

const crypto = createNodeCrypto();
const opened: DhtDirectory[] = [];
const never = new AbortController().signal;

async function open(
  bootstrap: readonly string[] = [],
  log: Log = silentLog,
): Promise<DhtDirectory> {
  const bind = { host: '127.0.0.1', port: 0 };
  const one = await openDhtDirectory({ bind, bootstrap, crypto, log });
  opened.push(one);
  return one;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

/** Three nodes that know the first, and two users of them. */
async function swarm(): Promise<{ writer: DhtDirectory; reader: DhtDirectory }> {
  const first = await open();
  await Promise.all([open([first.address]), open([first.address])]);
  const [writer, reader] = await Promise.all([open([first.address]), open([first.address])]);
  return { writer, reader };
}

const salt = utf8('a salt');
const place = { key: crypto.publicKey(seedOf(1)), salt };
const sign = (message: Uint8Array): Uint8Array => crypto.sign(seedOf(1), message);
// As large as moments in milliseconds are: more than 32 bits.
const counter = 1_700_000_000_000;

describe('the DHT as a directory', () => {
  test('hands out what the holder of the key has put there last', async () => {
    const { writer, reader } = await swarm();
    expect(await reader.get(place, never)).toBeUndefined();
    await writer.put({ ...place, sign, value: utf8('first'), sequence: counter }, never);
    expect(await reader.get(place, never)).toEqual({ value: utf8('first'), sequence: counter });
    const next = { ...place, sign, value: utf8('second'), sequence: counter + 1 };
    await writer.put(next, never);
    expect(await reader.get(place, never)).toEqual({
      value: utf8('second'),
      sequence: counter + 1,
    });
    expect(reader.nodes()).toBeGreaterThan(0);
  });

  test('takes nothing older than what it has', async () => {
    const { writer, reader } = await swarm();
    await writer.put({ ...place, sign, value: utf8('new'), sequence: counter }, never);
    const older = { ...place, sign, value: utf8('old'), sequence: counter - 1 };
    await expect(writer.put(older, never)).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect(await reader.get(place, never)).toEqual({ value: utf8('new'), sequence: counter });
  });

  test('takes nothing that another key has signed', async () => {
    const { writer, reader } = await swarm();
    const forge = (message: Uint8Array): Uint8Array => crypto.sign(seedOf(2), message);
    const forged = { ...place, sign: forge, value: utf8('forged'), sequence: counter };
    await expect(writer.put(forged, never)).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect(await reader.get(place, never)).toBeUndefined();
  });

  test('refuses a value over BEP-44’s thousand bytes', async () => {
    const lonely = await open();
    const large = { ...place, sign, value: new Uint8Array(1_000), sequence: 1 };
    await expect(lonely.put(large, never)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
  });

  test('knows nobody where it was told of nobody', async () => {
    const lonely = await open();
    expect(await lonely.get(place, never)).toBeUndefined();
    const item = { ...place, sign, value: utf8('unheard'), sequence: 1 };
    await expect(lonely.put(item, never)).rejects.toMatchObject({ code: 'TIMED_OUT' });
    expect(lonely.nodes()).toBe(0);
  });

  test('outlives datagrams of the wrong shape', async () => {
    const events: string[] = [];
    const told: Log = { ...silentLog, event: (name) => void events.push(name) };
    const first = await open([], told);
    const port = Number(first.address.split(':')[1]);
    const socket = createSocket('udp4');
    const send = (text: string): Promise<void> =>
      new Promise((resolve) => {
        socket.send(Buffer.from(text), port, '127.0.0.1', () => resolve());
      });
    const id = '20:aaaaaaaaaaaaaaaaaaaa';
    await send('d1:ad2:id1:ae1:q3:put1:t2:aa1:y1:qe');
    await send(`d1:ad2:id${id}6:targeti5ee1:q9:find_node1:t2:aa1:y1:qe`);
    await send(`d1:ad2:id${id}9:info_hashi7ee1:q9:get_peers1:t2:ab1:y1:qe`);
    await send('not bencode');
    await expect.poll(() => events.includes('dht.malformed')).toBe(true);
    socket.close();
    const writer = await open([first.address]);
    await writer.put({ ...place, sign, value: utf8('still'), sequence: 1 }, never);
    expect(await writer.get(place, never)).toMatchObject({ sequence: 1 });
  });

  test('says PORT_TAKEN where another program listens', async () => {
    const one = await open();
    const bind = { host: '127.0.0.1', port: Number(one.address.split(':')[1]) };
    const second = openDhtDirectory({ bind, bootstrap: [], crypto, log: silentLog });
    await expect(second).rejects.toMatchObject({ code: 'PORT_TAKEN' });
    const nowhere = openDhtDirectory({
      bind: { host: '192.0.2.1', port: 0 },
      bootstrap: [],
      crypto,
      log: silentLog,
    });
    await expect(nowhere).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('an aborted question is given up at once', async () => {
    const lonely = await open(['127.0.0.1:9']);
    const stop = new AbortController();
    const asked = lonely.get(place, stop.signal);
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
