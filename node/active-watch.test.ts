import { createServer, type AddressInfo } from 'node:net';
import { createNodeCrypto } from '@hansa/crypto-node';
import { toHex, type NodeId } from '@hansa/foundation';
import { openNodePort, type NodePort } from '@hansa/plane-tls';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, expect, test } from 'vitest';
import { untilProcessGone } from './active-watch.ts';

const crypto = createNodeCrypto();
const clock = createSystemClock();
const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const nodeOf = (number: number): NodeId => toHex(crypto.publicKey(seedOf(number))) as NodeId;
const ports: NodePort[] = [];

afterEach(async () => {
  await Promise.all(ports.splice(0).map((port) => port.close()));
});

async function makePort(number: number): Promise<NodePort> {
  const port = await openNodePort({
    seed: seedOf(number),
    bind: { host: '127.0.0.1', port: 0 },
    expects: async () => true,
    arrived: ({ socket }) => void socket.resume(),
  });
  ports.push(port);
  return port;
}

test('a process whose machine says that nobody listens is gone', async () => {
  const [standby, active] = [await makePort(1), await makePort(2)];
  const at = { node: nodeOf(2), addresses: active.addresses };
  let isGone = false;
  const ending = new AbortController();
  const gone = untilProcessGone({ port: standby, clock, active: at }, ending.signal).then(
    () => (isGone = true),
  );
  await clock.sleep(0);
  expect(isGone).toBe(false);
  await active.close();
  await gone;
  expect(isGone).toBe(true);
});

test('one that is silent may live: only the signal ends the watch', async () => {
  const silent = createServer(); // takes connections in, and never says a word
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', () => listening()));
  const { port: number } = silent.address() as AddressInfo;
  const standby = await makePort(1);
  const at = { node: nodeOf(2), addresses: [`127.0.0.1:${number}`] };
  const ending = new AbortController();
  const watching = untilProcessGone({ port: standby, clock, active: at }, ending.signal);
  const answered = new Promise<void>((taken) => silent.once('connection', () => taken()));
  await answered;
  ending.abort(new Error('over'));
  await expect(watching).rejects.toThrow('over');
  silent.close();
});
