import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog, type Log } from '@hansa/foundation';
import type { LanClaim, LanWord } from '@hansa/capabilities/discovery/parts';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { clusterOf, nodeOf } from '../../testkit/test-cluster.ts';
import { createMdnsNetwork } from './index.ts';
import { isOnLink } from './on-link.ts';
import { claimsIn, recordsOf, service } from './records.ts';

const crypto = createNodeCrypto();
const clock = createSystemClock();
const word: LanWord = { cluster: clusterOf(crypto, 1), node: nodeOf(crypto, 2), counter: 7 };

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

interface Speaker {
  readonly heard: LanClaim[];
  readonly others: { address: string; port: number }[];
  said: (LanWord & { port: number }) | undefined;
  ask(): void;
  speak(): void;
}

function begin(port: number, log: Log = silentLog): Speaker {
  const others: Speaker['others'] = [];
  const network = createMdnsNetwork({
    host: '127.0.0.1',
    clock,
    log,
    unicast: { port, others: () => others },
  });
  const stop = new AbortController();
  const speaker: Speaker = {
    heard: [],
    others,
    said: undefined,
    ask: () => network.ask(),
    speak: () => network.speak(),
  };
  const running = network.run(
    { word: () => speaker.said, heard: (claim) => void speaker.heard.push(claim) },
    stop.signal,
  );
  ends.push(() => {
    stop.abort();
    return running;
  });
  return speaker;
}

describe('multicast DNS, spoken to one another', () => {
  test('a node that asks hears who is there: two ids, a counter, and where it came from', async () => {
    const [here, there] = [await freePort(), await freePort()];
    const near = begin(here);
    const far = begin(there);
    far.said = { ...word, port: 4_433 };
    near.others.push({ address: '127.0.0.1', port: there });
    far.others.push({ address: '127.0.0.1', port: here });
    await expect
      .poll(() => {
        near.ask();
        return near.heard;
      })
      .toContainEqual({ ...word, address: '127.0.0.1:4433' });
    expect(far.heard).toEqual([]);
  });

  test('a word that has changed is said unasked', async () => {
    const [here, there] = [await freePort(), await freePort()];
    const near = begin(here);
    const far = begin(there);
    far.others.push({ address: '127.0.0.1', port: here });
    far.said = { ...word, port: 4_433 };
    await expect
      .poll(() => {
        far.said = { ...word, counter: (far.said?.counter ?? 0) + 1, port: 4_433 };
        far.speak();
        return near.heard.length;
      })
      .toBeGreaterThan(1);
  });

  test('datagrams of the wrong shape are no claims', async () => {
    const events: string[] = [];
    const port = await freePort();
    const near = begin(port, { ...silentLog, event: (name) => void events.push(name) });
    const socket = createSocket('udp4');
    await expect
      .poll(() => {
        socket.send(Buffer.from('no packet'), port, '127.0.0.1');
        return events;
      })
      .toContain('mdns.warning');
    socket.close();
    expect(near.heard).toEqual([]);
  });
});

test('links that listen on loopback cannot be found on a network, and that is said', async () => {
  const network = createMdnsNetwork({ host: '127.0.0.1', clock, log: silentLog });
  const running = network.run(
    { word: () => undefined, heard: () => undefined },
    new AbortController().signal,
  );
  await expect(running).rejects.toMatchObject({ code: 'DISCOVERY_OFF' });
});

describe('what is read from records', () => {
  const records = recordsOf({ ...word, port: 4_433 });

  test('is what was written', () => {
    expect(claimsIn(records, '192.0.2.1')).toEqual([{ ...word, address: '192.0.2.1:4433' }]);
  });

  test.each([
    ['a cluster id that is none', 'cluster=me'],
    ['another version', 'v=2'],
    ['a counter that is none', 'counter=many'],
  ])('is nothing with %s', (_, text) => {
    const name = text.split('=')[0] ?? '';
    const spoilt = records.map((record) =>
      record.type === 'TXT'
        ? {
            ...record,
            data: [record.data].flat().map((each) => {
              return String(each).startsWith(`${name}=`) ? text : String(each);
            }),
          }
        : record,
    );
    expect(claimsIn(spoilt, '192.0.2.1')).toEqual([]);
  });

  test('is nothing without a port, and nothing of another service', () => {
    expect(
      claimsIn(
        records.filter(({ type }) => type !== 'SRV'),
        '192.0.2.1',
      ),
    ).toEqual([]);
    const other = records.map((record) => ({
      ...record,
      name: record.name.replace(service, '_ipp._tcp.local'),
    }));
    expect(claimsIn(other, '192.0.2.1')).toEqual([]);
  });

  test('is eight nodes of one datagram at most', () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      recordsOf({ ...word, node: nodeOf(crypto, 10 + index), port: 1 }),
    ).flat();
    expect(claimsIn(many, '192.0.2.1')).toHaveLength(8);
  });
});

test('an address is on the link where an interface of ours is in its network', () => {
  const lan = [
    {
      address: '192.168.7.4',
      netmask: '255.255.255.0',
      family: 'IPv4' as const,
      mac: '',
      internal: false,
      cidr: '192.168.7.4/24',
    },
  ];
  expect(isOnLink('192.168.7.200', { lan })).toBe(true);
  expect(isOnLink('192.168.8.1', { lan })).toBe(false);
  expect(isOnLink('2001:db8::1', { lan })).toBe(false);
  expect(isOnLink('no address', { lan })).toBe(false);
});

const needed = requires('netns');

describe.skipIf(!needed.available)('multicast DNS in a network of its own', () => {
  test('two programs on one network hear each other', async () => {
    const program = fileURLToPath(new URL('../../testkit/mdns-speaker.ts', import.meta.url));
    // Loopback, told that it is a network: every kernel has it, unlike devices made for this.
    const network = [
      'ip link set lo up multicast on',
      'ip addr add 10.77.0.1/24 dev lo',
      'ip route add 224.0.0.0/4 dev lo',
    ].join(' && ');
    const start = `'${process.execPath}' --conditions=@hansa/source --import tsx '${program}'`;
    const both = `exec 3<&0; ${start} 1 10.77.0.1 <&3 & ${start} 3 10.77.0.1 <&3 & wait`;
    const script = ['--net', 'sh', '-c', `${network} && { ${both}; }`];
    const child = spawn('unshare', ['--user', '--map-root-user', ...script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    ends.push(async () => child.stdin.end());
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await expect
      .poll(() => said, { timeout: 20_000 })
      .toContain(`1 heard ${clusterOf(crypto, 3)} at 10.77.0.1:4433`);
    await expect
      .poll(() => said, { timeout: 20_000 })
      .toContain(`3 heard ${clusterOf(crypto, 1)} at 10.77.0.1:4433`);
    child.stdin.end();
    await once(child, 'close');
  }, 45_000);
});
