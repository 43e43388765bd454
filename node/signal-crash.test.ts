// A router with a store is killed in the middle of its work, again and again: what it acknowledged
// as durable is there, always, and of the rest all that was written a while before.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { SignalMessage } from '@hansa/capabilities/signals/frames/messages';
import { numberOf, wireValue } from '@hansa/capabilities/signals/frames/values';
import { dialWebSocket } from '@hansa/signal-sockets';
import { afterAll, expect, test } from 'vitest';
import { bundle } from '../testkit/bundle.ts';
import { openSignalClient, type SignalClient } from '../testkit/signal-client.ts';

const kills = 3;
const server = await bundle('testkit/signal-crash-server.ts');
afterAll(() => server.remove());
const addresses = 40;
const durableAcksPerRound = 300;
const unansweredMax = 400; // beyond it the server's queue grows, and the test with it

interface Written {
  readonly value: number;
  readonly atMs: number;
}

interface Started {
  readonly child: ChildProcess;
  readonly port: number;
}

async function start(folder: string): Promise<Started> {
  const args = [server.path, folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, port: Number(line) };
}

async function connect(
  port: number,
  heard?: (message: SignalMessage) => void,
): Promise<SignalClient> {
  const url = `ws://127.0.0.1:${port}`;
  return openSignalClient({ dial: (accept) => dialWebSocket({ url, accept }), heard });
}

/** The last value of each address that was acknowledged, and when; the server is dead by then. */
async function writeUntilKilled(
  { child, port }: Started,
  round: number,
): Promise<{ readonly acked: Map<string, Written>; readonly killedMs: number }> {
  const acked = new Map<string, Written>();
  const sent = new Map<string, number[]>();
  let acks = 0;
  let unanswered = 0;
  let killedMs = 0;
  let ended = false;
  const client = await connect(port, (message) => {
    if (message.type !== 'ack' || message.address === undefined) {
      return;
    }
    unanswered -= 1;
    // Of one address ACKs come in the order of its SETs.
    const value = sent.get(message.address)?.shift() ?? -1;
    acked.set(message.address, { value, atMs: performance.now() });
    acks += message.address.startsWith('/durable/') ? 1 : 0;
    if (acks >= durableAcksPerRound && acked.size === addresses && killedMs === 0) {
      killedMs = performance.now();
      child.kill('SIGKILL');
    }
  });
  const exited = once(child, 'exit').then(() => {
    ended = true;
  });
  await client.next('snapshot');
  for (let i = 0; !ended; i += 1) {
    const address = `/${i % 2 === 0 ? 'durable' : 'relaxed'}/${i % addresses}`;
    const value = round * 1_000_000 + i;
    const values = sent.get(address) ?? [];
    values.push(value);
    sent.set(address, values);
    client.say({ type: 'set', address, value: wireValue(value), lock: false, unlock: false });
    unanswered += 1;
    do {
      await new Promise((resolve) => setImmediate(resolve));
    } while (unanswered >= unansweredMax && !ended);
  }
  await exited;
  client.close();
  return { acked, killedMs };
}

async function stateOf(port: number): Promise<Map<string, number>> {
  const state = new Map<string, number>();
  const client = await connect(port, (message) => {
    const params = message.type === 'snapshot' ? message.params : [];
    params.forEach(({ address, value }) => state.set(address, numberOf(value) ?? -1));
  });
  // A router that is busy tells what there is in several frames, all of them before this answer.
  client.say({ type: 'ping' });
  await client.next('pong');
  client.close();
  return state;
}

test('kill -9 loses no durable param, and of relaxed ones only the newest', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'signal-crash-'));
  const longMs = 1_000; // ten times what is promised: this machine may be busy
  let started = await start(folder);
  try {
    for (let round = 1; round <= kills; round += 1) {
      const { acked, killedMs } = await writeUntilKilled(started, round);
      started = await start(folder);
      const state = await stateOf(started.port);
      const lost = [...acked].flatMap(([address, { value, atMs }]) => {
        const isOwed = address.startsWith('/durable/') || atMs < killedMs - longMs;
        const stands = state.get(address);
        const isThere = stands !== undefined && stands >= value;
        return isOwed && !isThere ? [{ address, value, stands, beforeMs: killedMs - atMs }] : [];
      });
      expect(lost).toEqual([]);
      expect(acked.size).toBe(addresses);
    }
  } finally {
    const ended = once(started.child, 'exit');
    if (started.child.exitCode === null && started.child.signalCode === null) {
      started.child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
