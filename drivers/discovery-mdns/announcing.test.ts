// Services that say where they are, over sockets that speak to one another.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { silentLog } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import multicastDns, { type ResponsePacket } from 'multicast-dns';
import { afterEach, expect, test } from 'vitest';
import { announceService, serviceRecords } from './announcing.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

const service = {
  kind: '_clasp._tcp',
  name: 'Stage desk',
  port: 7_330,
  texts: ['version=2', 'ws=7330'],
};

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

test('who asks for the kind is told the name, the port, the texts; and of the end', async () => {
  const [here, there] = [await freePort(), await freePort()];
  const seeker = multicastDns({
    port: there,
    multicast: false,
    bind: '127.0.0.1',
    ip: '127.0.0.1',
  });
  ends.push(async () => seeker.destroy());
  const heard: ResponsePacket[] = [];
  seeker.on('response', (packet) => heard.push(packet));
  await once(seeker, 'ready');
  const announced = await announceService(
    {
      host: '127.0.0.1',
      clock: createSystemClock(),
      log: silentLog,
      unicast: { port: here, others: () => [{ address: '127.0.0.1', port: there }] },
    },
    service,
  );
  await expect.poll(() => heard.length).toBe(1); // unasked, at the start
  await expect
    .poll(
      () => {
        const questions = [{ name: '_clasp._tcp.local', type: 'PTR' as const }];
        seeker.query({ questions }, { address: '127.0.0.1', port: here });
        return heard.length;
      },
      { timeout: 5_000 },
    )
    .toBe(2);
  const [pointer, place, text] = heard[1]?.answers ?? [];
  expect(pointer).toMatchObject({ type: 'PTR', data: 'Stage desk._clasp._tcp.local' });
  expect(place).toMatchObject({ type: 'SRV', data: { port: 7_330, target: 'Stage-desk.local' } });
  expect([text].flatMap((each) => (each?.type === 'TXT' ? each.data : [])).map(String)).toEqual([
    'version=2',
    'ws=7330',
  ]);
  await announced.stop();
  await expect
    .poll(() => heard.at(-1)?.answers?.map((each) => 'ttl' in each && each.ttl))
    .toEqual([0, 0, 0, 0]);
});

test('on loopback nobody could come, and that is said', async () => {
  const needs = { host: '127.0.0.1', clock: createSystemClock(), log: silentLog };
  await expect(announceService(needs, service)).rejects.toMatchObject({ code: 'DISCOVERY_OFF' });
});

test('names and texts are cut to what DNS takes: labelBytesMax and textBytesMax', () => {
  const long = { ...service, name: 'ü'.repeat(100), texts: ['x'.repeat(300)] };
  const [pointer, , text] = serviceRecords(long, [], 1);
  expect(pointer).toMatchObject({ data: `${'ü'.repeat(31)}._clasp._tcp.local` });
  expect(text).toMatchObject({ data: ['x'.repeat(255)] });
});
