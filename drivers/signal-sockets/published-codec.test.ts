// The frames of the published client beside ours: what one writes the other reads, with the same
// bytes where both write the same message.
import { decodeFrame } from '@hansa/capabilities/signals/frames/decode';
import { bundleMember, encodeFrame } from '@hansa/capabilities/signals/frames/encode';
import type {
  SignalMessage,
  SignalType,
  WireValue,
} from '@hansa/capabilities/signals/frames/messages';
import { readValue, wireValue, type SignalValue } from '@hansa/capabilities/signals/frames/values';
import { decode, encodeMessage, type Message, type Value } from '@clasp-to/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const runs = 1_000; // of each property
const text = fc
  .string({ unit: 'binary', maxLength: 20 })
  .filter((it) => !/\p{Surrogate}/u.test(it) && !it.includes('\u{feff}'));
const address = text.map((it) => `/${it}`);
const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.maxSafeNat();
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** As JSON has them, and bytes. */
const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true }),
    text,
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      text.filter((it) => it !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value;

function ours(value: Value): SignalValue {
  if (Array.isArray(value)) {
    return value.map(ours);
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) {
    return value;
  }
  return new Map(Object.entries(value).map(([key, item]) => [key, ours(item)]));
}

function theirs(value: SignalValue): Value {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, theirs(item)]));
  }
  if (Array.isArray(value)) {
    return value.map(theirs);
  }
  return typeof value === 'bigint' ? Number(value) : (value as Value);
}

/** Both forms of one message. */
interface Pair {
  readonly mine: SignalMessage;
  readonly published: Message;
}

const sets = fc
  .record({
    address,
    value: values,
    revision: maybe(u64),
    lock: fc.boolean(),
    unlock: fc.boolean(),
  })
  .map((it): Pair => ({
    mine: { type: 'set', ...it, value: wireValue(ours(it.value)) },
    published: { type: 'SET', ...present(it) },
  }));

const signals: readonly SignalType[] = ['param', 'event', 'stream', 'gesture', 'timeline'];
const publications = fc
  .record({
    address,
    signal: fc.constantFrom(...signals),
    value: values,
    timestamp: maybe(u64),
    id: maybe(u32),
    rate: maybe(u32),
    phase: fc.constantFrom('start', 'move', 'end', 'cancel'),
  })
  .map((it): Pair => ({
    mine: { type: 'publish', ...it, value: wireValue(ours(it.value)) },
    published: { type: 'PUBLISH', ...present(it) },
  }));

const subscriptions = fc
  .record({
    id: u32,
    pattern: address,
    maxRate: maybe(u32),
    epsilon: maybe(fc.double({ noNaN: true })),
    history: maybe(u32),
    window: maybe(u32),
  })
  .map(({ id, pattern, ...options }): Pair => ({
    mine: { type: 'subscribe', id, pattern, types: 0xff, ...options },
    published: { type: 'SUBSCRIBE', id, pattern, options: present(options) },
  }));

const params = fc.record({
  address,
  value: values,
  revision: u64,
  writer: maybe(text.filter((it) => it !== '')),
  timestamp: maybe(u64),
});
const snapshots = fc.array(params, { maxLength: 5 }).map((list): Pair => ({
  mine: {
    type: 'snapshot',
    params: list.map((it) => ({ ...it, value: wireValue(ours(it.value)) })),
  },
  published: { type: 'SNAPSHOT', params: list.map(present) },
}));

const welcomes = fc
  .record({ time: u64, session: text, name: text, features: fc.subarray([...signals]) })
  .map((it): Pair => ({
    mine: { type: 'welcome', version: 1, ...it },
    published: { type: 'WELCOME', version: 1, ...it },
  }));

const answers = fc
  .record({ address: maybe(address), revision: maybe(u64), locked: maybe(fc.boolean()) })
  .map((it): Pair => ({
    mine: { type: 'ack', ...it },
    published: { type: 'ACK', ...present(it) },
  }));

const errors = fc
  .record({ code: fc.nat(0xffff), message: text, address: maybe(address) })
  .map((it): Pair => ({
    mine: { type: 'error', ...it },
    published: { type: 'ERROR', ...present(it) },
  }));

const single = fc.oneof(sets, publications, subscriptions, snapshots, welcomes, answers, errors);
const bundles = fc
  .tuple(
    fc.array(fc.oneof(sets, publications), { maxLength: 4 }),
    maybe(u64.filter((it) => it > 0)),
  )
  .map(([pairs, timestamp]): Pair => ({
    mine: { type: 'bundle', timestamp, members: pairs.map(({ mine }) => bundleMember(mine)) },
    published: {
      type: 'BUNDLE',
      messages: pairs.map(({ published }) => published),
      ...present({ timestamp }),
    },
  }));

/** Without the fields that are undefined. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** A message with its values as JavaScript has them, so that both sides' can be compared. */
function plain(message: unknown): unknown {
  if (message instanceof Uint8Array) {
    return new Uint8Array(message);
  }
  if (Array.isArray(message)) {
    return message.map(plain);
  }
  if (typeof message !== 'object' || message === null) {
    return message;
  }
  if ('data' in message && 'type' in message && typeof message.type === 'number') {
    return theirs(readValue(message as unknown as WireValue));
  }
  if ('message' in message && 'payload' in message) {
    return plain(message.message);
  }
  const entries = Object.entries(message).filter(([, field]) => field !== undefined);
  return Object.fromEntries(entries.map(([name, field]) => [name, plain(field)]));
}

describe('the published codec', () => {
  it('writes what we read, and the bytes that we write', () => {
    fc.assert(
      fc.property(fc.oneof(single, bundles), ({ mine, published }) => {
        const written = new Uint8Array(encodeMessage(published));
        const { message, qos } = decodeFrame(written);
        expect(plain(message)).toEqual(plain(mine));
        expect(Buffer.compare(encodeFrame(mine, { qos }), written)).toBe(0);
      }),
      { numRuns: runs },
    );
  });

  it('reads what we write', () => {
    fc.assert(
      fc.property(fc.oneof(sets, publications, snapshots), ({ mine }) => {
        const read = plain(decode(encodeFrame(mine))) as Readonly<Record<string, unknown>>;
        const known = plain(mine) as Readonly<Record<string, unknown>>;
        for (const name of ['address', 'value', 'params', 'lock', 'unlock']) {
          // It leaves out what is false.
          if (known[name] !== undefined && known[name] !== false) {
            expect(read[name]).toEqual(known[name]);
          }
        }
      }),
      { numRuns: runs },
    );
  });
});
