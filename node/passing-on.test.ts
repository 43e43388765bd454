import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { silentLog, type NodeAddress } from '@hansa/foundation';
import type { NodePort } from '@hansa/plane-tls';
import { afterEach, expect, test } from 'vitest';
import type { Entrance } from './front.ts';
import { passingOn, takenInByte, type PassingOn } from './passing-on.ts';

const host = '127.0.0.1';
const sockets: Socket[] = [];
const servers: Server[] = [];

afterEach(() => {
  sockets.splice(0).forEach((socket) => socket.destroy());
  servers.splice(0).forEach((server) => server.close());
});

async function listening(arrived: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    arrived(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen({ host, port: 0 }, resolve));
  return (server.address() as AddressInfo).port;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host, port });
  sockets.push(socket);
  await new Promise((connected) => socket.once('connect', connected));
  return socket;
}

interface World {
  readonly passing: PassingOn;
  readonly over: AbortController;
  /** The words that the active node was told. */
  readonly words: (readonly string[])[];
  /** Somebody who came in here and was passed on; what it says comes back. */
  come(
    entrance: Entrance,
  ): Promise<{ readonly heard: () => string; readonly ended: () => boolean }>;
}

/** An active node that repeats what it is told. */
async function standingBy(): Promise<World> {
  const active = await listening((socket) => {
    socket.write(Uint8Array.of(takenInByte));
    socket.pipe(socket);
  });
  const words: (readonly string[])[] = [];
  const port: Pick<NodePort, 'dial'> = {
    async dial(_to, said) {
      words.push(said);
      return open(active);
    },
  };
  const over = new AbortController();
  const passing = passingOn({
    port: port as NodePort,
    active: { addresses: [] } as unknown as NodeAddress,
    log: silentLog,
    termOver: over.signal,
    otherwise: (socket) => socket.destroy(),
  });
  return {
    passing,
    over,
    words,
    async come(entrance) {
      const here = await listening((socket) => passing.way.take(socket, entrance));
      const socket = await open(here);
      let [heard, ended] = ['', false];
      socket.on('data', (piece) => (heard += piece.toString()));
      socket.once('close', () => (ended = true));
      socket.write('hello');
      await expect.poll(() => heard).toBe('hello');
      return { heard: () => heard, ended: () => ended };
    },
  };
}

test('bytes go to the active node and back, and it is told where they come in', async () => {
  const world = await standingBy();
  await world.come('api');
  await world.come('signals');
  expect(world.words).toEqual([
    ['api', host],
    ['signals', host],
  ]);
});

test('sessions of signals end with the term of who judges them, answers of the API do not', async () => {
  const world = await standingBy();
  const asking = await world.come('api');
  const sessions = [await world.come('signals'), await world.come('signals')];
  world.over.abort();
  await expect.poll(() => sessions.map(({ ended }) => ended())).toEqual([true, true]);
  expect(asking.ended()).toBe(false);
});
