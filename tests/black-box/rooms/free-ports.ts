// Ports for a program that wants a range of them: the demonstration takes three for APIs and three,
// a hundred above, for links.
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';

const tries = 50; // ranges looked at; nearly every one is free
const lowest = 20_000;
const highest = 32_000; // where Linux begins to hand out ephemeral ports, which come and go

/** The first of three TCP ports in a row with three free UDP ports a hundred above. */
export async function freePortBase(): Promise<number> {
  for (let i = 0; i < tries; i += 1) {
    const base = lowest + Math.floor(Math.random() * (highest - lowest));
    const free = await Promise.all(
      [0, 1, 2].flatMap((at) => [isFreeTcp(base + at), isFreeUdp(base + 100 + at)]),
    );
    if (free.every(Boolean)) {
      return base;
    }
  }
  throw new Error(`no free range of ports in ${tries} tries`);
}

/** Takes a TCP port on loopback until the server is closed, and says nothing to who connects. */
export function takePort(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

async function isFreeTcp(port: number): Promise<boolean> {
  const server = await takePort(port).catch(() => undefined);
  await new Promise<void>((resolve) => {
    if (server === undefined) {
      resolve();
    } else {
      server.close(() => resolve());
    }
  });
  return server !== undefined;
}

function isFreeUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}

/** One UDP port for links, from outside the range that the system hands out by itself. */
export async function freeUdpPort(): Promise<number> {
  for (let i = 0; i < tries; i += 1) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (await isFreeUdp(port)) {
      return port;
    }
  }
  throw new Error(`no free UDP port in ${tries} tries`);
}
