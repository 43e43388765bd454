// A directory on the BitTorrent Mainline DHT: BEP-44 mutable items. It speaks with the nodes that
// it is given and those that they name; the library's own public nodes are never asked unasked.
// The library has no types; whoever compiles this file from elsewhere needs ours with it.
// oxlint-disable-next-line typescript/triple-slash-reference
/// <reference path="./bittorrent-dht.d.ts" />
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Directory, DirectoryItem } from '@hansa/capabilities/discovery/parts';
import { abortable, HansaError, type Crypto, type Log } from '@hansa/foundation';
import { Client, type FoundItem } from 'bittorrent-dht';

const valueBytesMax = 1_000; // BEP-44's own; nodes refuse larger ones
const listenTimeoutMs = 5_000; // binding takes moments, or fails

export interface DhtNeeds {
  readonly bind: { readonly host: string; readonly port: number };
  /** `host:port` of nodes to begin with; without any, this one waits to be found. */
  readonly bootstrap: readonly string[];
  readonly crypto: Crypto;
  readonly log: Log;
}

export interface DhtDirectory extends Directory {
  /** Where this node of the DHT listens. */
  readonly address: string;
  close(): Promise<void>;
}

/** PORT_TAKEN where another program has the port, CONFIG_INVALID where it cannot be listened on. */
export async function openDhtDirectory(needs: DhtNeeds): Promise<DhtDirectory> {
  const { bind, bootstrap, crypto, log } = needs;
  const socket = guarded(createSocket('udp4'), log);
  const client = new Client({
    bootstrap,
    socket,
    verify: (signature, message, key) =>
      // What comes from the network may be anything; bytes of the wrong length verify as false.
      [signature, message, key].every((each) => each instanceof Uint8Array) &&
      crypto.verify(key, message, signature),
  });
  await listening(client, bind);
  client.on('error', (error: Error) => log.problem('dht.failed', error));
  const { address, port } = client.address();
  return {
    address: `${address}:${port}`,
    nodes: () => client.nodes.toArray().length,
    put: (item, signal) => abortable(put(client, item), signal),
    get: (place, signal) => abortable(get(client, place), signal),
    close: () =>
      new Promise((resolve) => {
        client.destroy(resolve);
      }),
  };
}

/**
 * The library trusts the shape of what it decodes: a datagram with a number where bytes belong
 * would throw out of the socket's event and end the process.
 */
function guarded(socket: Socket, log: Log): Socket {
  const emit = socket.emit.bind(socket) as (event: string, ...args: unknown[]) => boolean;
  socket.emit = (event: string, ...args: unknown[]): boolean => {
    if (event !== 'message') {
      return emit(event, ...args);
    }
    try {
      return emit(event, ...args);
    } catch (error) {
      log.event('dht.malformed', { reason: String(error) });
      return true;
    }
  };
  return socket;
}

function listening(client: Client, { host, port }: DhtNeeds['bind']): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error & { code?: string }): void => {
      clearTimeout(timer);
      client.destroy(() => undefined);
      reject(
        cause.code === 'EADDRINUSE'
          ? new HansaError('PORT_TAKEN', `another program listens on UDP port ${port}`, { cause })
          : new HansaError('CONFIG_INVALID', `the DHT cannot listen on ${host}: ${cause.message}`, {
              cause,
            }),
      );
    };
    const timer = setTimeout(() => fail(new Error('it did not begin')), listenTimeoutMs);
    client.once('error', fail);
    // Binding to an address that is not ours is only a warning to the library.
    client.once('warning', fail);
    client.once('listening', () => {
      clearTimeout(timer);
      client.removeListener('error', fail);
      client.removeListener('warning', fail);
      resolve();
    });
    client.listen(port, host);
  });
}

function put(client: Client, item: Parameters<Directory['put']>[0]): Promise<void> {
  const { key, salt, value, sequence, sign } = item;
  if (value.length >= valueBytesMax) {
    return Promise.reject(new HansaError('INPUT_TOO_LARGE', 'an item has less than 1,000 bytes'));
  }
  return new Promise((resolve, reject) => {
    client.put(
      {
        k: Buffer.from(key),
        salt: Buffer.from(salt),
        seq: sequence,
        v: Buffer.from(value),
        sign: (message) => Buffer.from(sign(message)),
      },
      (error) => {
        if (error === null) {
          resolve();
        } else {
          reject(new HansaError('TIMED_OUT', `no node took the item: ${error.message}`));
        }
      },
    );
  });
}

function get(
  client: Client,
  { key, salt }: Parameters<Directory['get']>[0],
): Promise<DirectoryItem | undefined> {
  const target = createHash('sha1').update(key).update(salt).digest();
  return new Promise((resolve, reject) => {
    // Past its own memory: what this node was given to keep may be older than what others have.
    client.get(target, { salt: Buffer.from(salt), cache: false }, (error, item) => {
      if (error === null) {
        resolve(itemOf(item));
      } else {
        reject(new HansaError('TIMED_OUT', `the DHT did not answer: ${error.message}`));
      }
    });
  });
}

function itemOf(item: FoundItem | null): DirectoryItem | undefined {
  if (item === null || !(item.v instanceof Uint8Array) || typeof item.seq !== 'number') {
    return undefined;
  }
  return { value: new Uint8Array(item.v), sequence: item.seq };
}
