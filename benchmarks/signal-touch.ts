// Fingers on a screen, by the published client: gestures sent at a rate, and how many of their
// moves are told, and how late.
import { Clasp } from '@clasp-to/core';
import { WebSocket } from 'ws';
import { quantile } from './data-rig.ts';

export interface TouchShape {
  readonly fingers: number;
  /** Moves a second of each. */
  readonly rate: number;
  readonly ms: number;
  /** False: no gesture is begun, so that its moves are told as they come. */
  readonly begun: boolean;
}

export interface Touched {
  /** Moves and ends. */
  readonly sent: number;
  readonly told: number;
  /** Milliseconds from sending a move until it was told, of those that were. */
  readonly p50: number;
  readonly p99: number;
}

const address = '/touch/screen';
const quietMs = 200; // after which everything has come

export async function touch(port: number, shape: TouchShape): Promise<Touched> {
  Object.assign(globalThis, { WebSocket });
  console.debug = () => undefined;
  const [screen, wall] = [await join(port), await join(port)];
  const late: number[] = [];
  let told = 0;
  wall.subscribe('/touch/**', (value) => {
    told += 1;
    late.push(performance.now() - sentIn(value));
  });
  await pause(quietMs);
  const sent = await move(screen, shape);
  await pause(quietMs);
  screen.close();
  wall.close();
  return { sent, told, p50: quantile(late, 0.5), p99: quantile(late, 0.99) };
}

/** The client puts what a gesture is beside what was sent with it. */
function sentIn(value: unknown): number {
  return typeof value === 'object' && value !== null && 'sentMs' in value
    ? Number(value.sentMs)
    : Number.NaN;
}

async function move(screen: Clasp, { fingers, rate, ms, begun }: TouchShape): Promise<number> {
  let sent = 0;
  const all = (phase: 'start' | 'move' | 'end'): void => {
    for (let finger = 0; finger < fingers; finger += 1) {
      screen.gesture(address, finger, phase, { sentMs: performance.now() });
      sent += 1;
    }
  };
  if (begun) {
    all('start');
  }
  const startedMs = performance.now();
  for (let round = 0; performance.now() - startedMs < ms; round += 1) {
    await pause(startedMs + (round * 1_000) / rate - performance.now());
    all('move');
  }
  if (begun) {
    all('end');
  }
  return sent;
}

async function join(port: number): Promise<Clasp> {
  const client = new Clasp(`ws://127.0.0.1:${port}`, { reconnect: false });
  await client.connect();
  return client;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, ms));
  });
}
