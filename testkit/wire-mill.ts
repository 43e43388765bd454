// A mill with a wire session on each side of the river, and what tests of the wire do with it.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import {
  createWireSession,
  remote,
  serve,
  type Call,
  type Clock,
  type Codec,
  type Contract,
  type Edge,
  type FrameStream,
  type Gate,
  type WireLimits,
  type WireSession,
} from '@hansa/foundation';
import { expect } from 'vitest';
import { z } from 'zod';
import { frameStreamPair } from './frame-streams.ts';
import { createHandClock } from './hand-clock.ts';

export interface Mill {
  grind(input: { grain: string }, call?: Call): Promise<{ flour: string }>;
  forget(input: Record<string, never>, call?: Call): Promise<undefined>;
  sacks(input: { count: number; bytes: number }, call?: Call): AsyncIterable<Uint8Array>;
}
const bytes: z.ZodType<Uint8Array> = z.custom<Uint8Array>((value) => value instanceof Uint8Array);
export const millContract: Contract<Mill> = {
  name: 'mill',
  version: 3,
  methods: {
    grind: {
      summary: 'Grinds.',
      permission: 'peer',
      input: z.object({ grain: z.string() }),
      output: z.object({ flour: z.string() }),
      errors: [],
    },
    forget: {
      summary: 'Forgets.',
      permission: 'peer',
      input: z.object({}),
      output: z.undefined(),
      errors: [],
    },
    sacks: {
      watch: true,
      summary: 'Sacks of flour.',
      permission: 'peer',
      input: z.object({ count: z.number(), bytes: z.number() }),
      output: bytes,
      errors: [],
    },
  },
};
export const wireCodec: Codec = createMsgpackCodec();
const gate: Gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'anonymous' }),
  authorise: () => undefined,
  record: () => undefined,
};
const credential = { source: 'test' };

export function millEdge(service: Partial<Mill> = {}): Edge {
  const whole: Mill = {
    grind: async ({ grain }) => ({ flour: `ground ${grain}` }),
    forget: async () => undefined,
    sacks: async function* ({ count, bytes: size }) {
      for (let i = 0; i < count; i += 1) {
        yield new Uint8Array(size).fill(i);
      }
    },
    ...service,
  };
  return serve([{ contract: millContract, service: whole }], gate);
}

const opened: WireSession[] = [];

/** For `afterEach`. */
export function closeSessions(): void {
  for (const session of opened.splice(0)) {
    session.close('the test is over');
  }
}

export function startSession(
  stream: FrameStream,
  more: { edge?: Edge; clock?: Clock; limits?: Partial<WireLimits> },
) {
  const session = createWireSession({
    stream,
    codec: wireCodec,
    credential,
    clock: createHandClock(),
    ...more,
  });
  opened.push(session);
  const stop = new AbortController();
  let over = false;
  const ended = session
    .run(stop.signal)
    .then(
      () => 'in peace',
      (error: unknown) => error,
    )
    .finally(() => {
      over = true;
    });
  return { session, stop, ended, isOver: () => over };
}

export function linkMills(service: Partial<Mill> = {}, limits: Partial<WireLimits> = {}) {
  const [left, right] = frameStreamPair();
  const clock = createHandClock();
  const far = startSession(right, { edge: millEdge(service), limits });
  const here = startSession(left, { clock, limits });
  return { here, far, clock, mill: remote(millContract, here.session.carrier) };
}

/** A session with an edge, and the bare stream of whoever is at its other end. */
export function faceMill(service: Partial<Mill> = {}, limits: Partial<WireLimits> = {}) {
  const [bare, stream] = frameStreamPair();
  const { session, ended } = startSession(stream, { edge: millEdge(service), limits });
  return {
    session,
    ended,
    bare,
    send: (...frame: unknown[]) => bare.send(wireCodec.encode(frame)),
    receive: async () => {
      const frame = await bare.receive();
      return frame === undefined ? undefined : wireCodec.decode(frame);
    },
  };
}

export const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
export const never = (): Promise<never> => new Promise<never>(() => undefined);

export async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
