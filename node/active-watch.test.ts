import { createServer, type AddressInfo } from 'node:net';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, toHex, utf8, type KeyValueStore, type NodeId } from '@hansa/foundation';
import { openNodePort, type NodePort } from '@hansa/plane-tls';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, expect, test } from 'vitest';
import { endTerm, untilProcessGone } from './active-watch.ts';

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

test.each(['STORE_UNKNOWN_OUTCOME', 'STORE_UNAVAILABLE'] as const)(
  'a term is ended as soon as the store answers again: %s before that',
  async (code) => {
    const store = createMemoryStore({ clock });
    const key = utf8('active');
    const { revision: modRevision } = await store.set(key, utf8('gone'));
    let unanswered = 2;
    const leaderless: Pick<KeyValueStore, 'compareAndDelete'> = {
      async compareAndDelete(...given) {
        unanswered -= 1;
        if (unanswered >= 0) {
          throw new HansaError(code, 'the store has lost its leader as well');
        }
        return store.compareAndDelete(...given);
      },
    };
    const term = { key, modRevision };
    await endTerm({ store: leaderless, clock }, term, new AbortController().signal);
    expect((await store.get(key)).entry).toBeNull();
  },
);

test('a term that another has ended is let be; a store that refuses is asked once', async () => {
  const store = createMemoryStore({ clock });
  const key = utf8('active');
  const { revision: modRevision } = await store.set(key, utf8('gone'));
  await store.set(key, utf8('next'));
  const { signal } = new AbortController();
  await endTerm({ store, clock }, { key, modRevision }, signal);
  expect((await store.get(key)).entry).not.toBeNull();
  const refusing: Pick<KeyValueStore, 'compareAndDelete'> = {
    compareAndDelete: () => Promise.reject(new HansaError('STORE_REFUSED', 'who are you?')),
  };
  await expect(
    endTerm({ store: refusing, clock }, { key, modRevision }, signal),
  ).rejects.toMatchObject({ code: 'STORE_REFUSED' });
});
