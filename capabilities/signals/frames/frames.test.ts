// What holds for every message and for any bytes.
import { isHansaError, type HansaError } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goldenFrames, hostileFrame, tryFrame } from '../../../testkit/hostile-frames.ts';
import { createSeededRandom } from '../../../testkit/seeded-random.ts';
import { decodeFrame } from './decode.ts';
import { snapshotEntryLength } from './encode-signals.ts';
import { bundleMember, encodeFrame, encodePayload } from './encode.ts';
import {
  allTypesMask,
  federationOps,
  gesturePhases,
  signalTypes,
  type SignalMessage,
  type SnapshotParam,
  type WireValue,
} from './messages.ts';
import { keptValue, sameValue, samplesOf } from './values.ts';

const runs = 1_000; // of each property, as the quality of this house asks
const hostileFrames = 20_000; // `npm run fuzz` throws a million

const text = fc
  .string({ unit: 'binary', maxLength: 24 })
  .filter((it) => !/\p{Surrogate}/u.test(it));
const address = fc.oneof(text, fc.constant('/site/zone/5'), fc.constant('/große/straße'));
const u32 = fc.nat({ max: 0xffff_ffff });
const u64 = fc.maxSafeNat();
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const short = (length: number): Buffer => Buffer.from([length >> 8, length & 0xff]);
const counted = (bytes: Uint8Array): Buffer => Buffer.concat([short(bytes.length), bytes]);

/** Values made of raw bytes, of every type of the wire. */
const values = fc.letrec<{ value: WireValue; leaf: WireValue }>((tie) => {
  const fixed = [0, 1, 1, 2, 4, 8, 4, 8];
  const number = fc
    .nat({ max: 7 })
    .chain((type) =>
      fc
        .uint8Array({ minLength: fixed[type] ?? 0, maxLength: fixed[type] ?? 0 })
        .map((data) => ({ type, data }) as WireValue),
    );
  const raw = (type: 8 | 9 | 10 | 11, data: Buffer): WireValue => ({
    type,
    data: new Uint8Array(data),
  });
  const typed = ({ type, data }: WireValue): Buffer => Buffer.concat([Buffer.from([type]), data]);
  return {
    leaf: fc.oneof(
      number,
      text.map((it) => raw(8, counted(Buffer.from(it)))),
      fc.uint8Array({ maxLength: 40 }).map((it) => raw(9, counted(it))),
    ),
    value: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      fc
        .array(tie('value'), { maxLength: 4 })
        .map((items) => raw(10, Buffer.concat([short(items.length), ...items.map(typed)]))),
      fc
        .array(fc.tuple(text, tie('value')), { maxLength: 4 })
        .map((entries) =>
          raw(
            11,
            Buffer.concat([
              short(entries.length),
              ...entries.flatMap(([key, item]) => [counted(Buffer.from(key)), typed(item)]),
            ]),
          ),
        ),
    ),
  };
}).value;

const mask = fc.integer({ min: 1, max: allTypesMask });
const signal = fc.constantFrom(...signalTypes);
const features = fc.subarray([...signalTypes, 'federation'] as const);
const summary = {
  address,
  signal,
  datatype: maybe(text),
  access: maybe(text),
};
const float = fc.double({ noNaN: true });
const meta = fc.record({
  unit: maybe(text),
  range: maybe(fc.record({ min: float, max: float })),
  default: maybe(values),
  description: maybe(text),
});
const param: fc.Arbitrary<SnapshotParam> = fc.record({
  address,
  value: values,
  revision: u64,
  writer: maybe(text),
  timestamp: maybe(u64),
});
const content = fc.oneof(
  values.map((value) => ({ value, samples: undefined })),
  fc.array(float, { maxLength: 9 }).map((list) => ({ value: undefined, samples: samplesOf(list) })),
  fc.constant({ value: undefined, samples: undefined }),
);

const kinds = {
  hello: fc.record({ version: fc.nat(255), features, name: text, token: maybe(full(text)) }),
  welcome: fc.record({
    version: fc.nat(255),
    features,
    time: u64,
    session: text,
    name: text,
    token: maybe(full(text)),
  }),
  announce: fc.record({
    namespace: address,
    signals: fc.array(fc.record({ ...summary, meta: maybe(meta) }), { maxLength: 4 }),
  }),
  federation: fc.record({
    op: fc.constantFrom(...federationOps),
    patterns: fc.array(text, { maxLength: 5 }),
    revisions: fc.array(fc.record({ address, revision: u64 }), { maxLength: 5 }),
    since: maybe(u64),
    origin: maybe(text),
  }),
  subscribe: fc.record({
    id: u32,
    pattern: address,
    types: mask,
    maxRate: maybe(u32),
    epsilon: maybe(float),
    history: maybe(u32),
    window: maybe(u32),
  }),
  unsubscribe: fc.record({ id: u32 }),
  publish: fc
    .record({
      address,
      signal,
      phase: fc.constantFrom(...gesturePhases),
      timestamp: maybe(u64),
      id: maybe(u32),
      rate: maybe(u32),
    })
    .chain((rest) => content.map((it) => ({ ...rest, ...it }))),
  set: fc.record({
    address,
    value: values,
    revision: maybe(u64),
    lock: fc.boolean(),
    unlock: fc.boolean(),
    ttl: maybe(u32),
  }),
  get: fc.record({ address }),
  snapshot: fc.record({ params: fc.array(param, { maxLength: 4 }) }),
  replay: fc.record({
    pattern: address,
    from: maybe(u64),
    to: maybe(u64),
    limit: maybe(u32),
    types: mask,
  }),
  sync: fc.record({ t1: u64, t2: maybe(u64), t3: maybe(u64) }),
  ping: fc.constant({}),
  pong: fc.constant({}),
  ack: fc.record({
    address: maybe(address),
    revision: maybe(u64),
    locked: maybe(fc.boolean()),
    holder: maybe(text),
    correlationId: maybe(u32),
  }),
  error: fc.record({
    code: fc.nat(0xffff),
    message: text,
    address: maybe(address),
    correlationId: maybe(u32),
  }),
  query: fc.record({ pattern: address }),
  result: fc.record({ signals: fc.array(fc.record(summary), { maxLength: 4 }) }),
};

function full(arbitrary: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return arbitrary.filter((it) => it !== '');
}

const single = fc.oneof(
  ...Object.entries(kinds).map(([type, arbitrary]) =>
    (arbitrary as fc.Arbitrary<object>).map((fields) => ({ type, ...fields }) as SignalMessage),
  ),
);
const bundle = fc.record({
  timestamp: maybe(u64),
  members: fc.array(single.map(bundleMember), { maxLength: 4 }),
});
const anyMessage = fc.oneof(
  { arbitrary: single, weight: 9 },
  bundle.map((it): SignalMessage => ({ type: 'bundle', ...it })),
);

function refusalOf(act: () => unknown): HansaError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    expect(isHansaError(error)).toBe(true);
    return error as HansaError;
  }
}

describe('every message', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyMessage, maybe(u64), fc.constantFrom(0, 1, 2), (message, timestamp, qos) => {
        const frame = decodeFrame(encodeFrame(message, { timestamp, qos }));
        expect(frame.message).toEqual(message);
        expect([frame.timestamp, frame.qos]).toEqual([timestamp, qos]);
      }),
      { numRuns: runs },
    );
  });

  it('is no message when its frame ends early', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(), (message, cut) => {
        const bytes = encodeFrame(message);
        const refusal = refusalOf(() => decodeFrame(bytes.subarray(0, cut % bytes.length)));
        expect(refusal?.code).toBe('SIGNAL_FRAME_INVALID');
      }),
      { numRuns: runs },
    );
  });

  it('is told from a legacy one by its first byte', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decodeFrame(encodeFrame(message)).legacy).toBe(false);
      }),
    );
  });
});

describe('any bytes', () => {
  it('are a frame or refused, and never anything else', () => {
    const golden = goldenFrames();
    const random = createSeededRandom(7, 'hostile');
    let valid = 0;
    for (let i = 0; i < hostileFrames; i += 1) {
      valid += tryFrame(hostileFrame(random, golden)) ? 1 : 0;
    }
    expect(valid).toBeGreaterThan(hostileFrames / 20);
    expect(valid).toBeLessThan(hostileFrames);
  });
});

describe('values', () => {
  it('keep their type and their bytes', () => {
    fc.assert(
      fc.property(values, (value) => {
        const frame = decodeFrame(
          encodeFrame({ type: 'set', address: '/a', value, lock: false, unlock: false }),
        );
        const read = frame.message.type === 'set' ? frame.message.value : undefined;
        expect(read !== undefined && sameValue(read, value)).toBe(true);
        expect(keptValue(value)).toEqual(value);
      }),
      { numRuns: runs },
    );
  });
});

describe('an entry of a snapshot', () => {
  it('has the length that it was said to have before it was written', () => {
    fc.assert(
      fc.property(param, (it) => {
        const frame = encodePayload({ type: 'snapshot', params: [it] });
        expect(frame.length).toBe(3 + snapshotEntryLength(it));
      }),
      { numRuns: runs },
    );
  });
});
