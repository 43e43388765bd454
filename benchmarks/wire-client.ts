// The protocol of signals by its published client, as its users have it. It cannot send bytes: a
// message's value is its number alone.
import { Clasp } from '@clasp-to/core';
import { WebSocket } from 'ws';
import { everything, type WireEnd, type WireNeeds } from './wire.ts';

export async function connectClient({ port, heard }: WireNeeds): Promise<WireEnd> {
  // It takes the global one, which this version of Node lacks; it prints every ACK.
  Object.assign(globalThis, { WebSocket });
  console.debug = () => undefined;
  const client = new Clasp(`ws://127.0.0.1:${port}`, { reconnect: false });
  await client.connect();
  return {
    async subscribe(topic) {
      const pattern = topic === everything ? '/bench/**' : `/bench/${topic}`;
      client.subscribe(pattern, (value) => heard(Number(value)));
    },
    sender(topic) {
      const address = `/bench/${topic}`;
      return (number) => client.set(address, number);
    },
    close: () => client.close(),
  };
}
