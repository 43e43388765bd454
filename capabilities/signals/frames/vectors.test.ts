// The frames against protocol/vectors/clasp.json, whose bytes were made by other programs or by
// hand.
import { readFileSync } from 'node:fs';

import { fromHex, isHansaError, toHex } from '@hansa/foundation';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeFrame } from './decode.ts';
import { bundleMember, encodeFrame, relayedFrame } from './encode.ts';
import { valueTypes, type SignalMessage, type WireValue } from './messages.ts';
import { samplesFrom, samplesOf } from './values.ts';

const spelledMessage = z.record(z.string(), z.unknown());
const vectors = z
  .object({
    frames: z.array(
      z.object({
        name: z.string(),
        frame: z.string(),
        qos: z.union([z.literal(0), z.literal(1), z.literal(2)]),
        message: spelledMessage,
        timestamp: z.number().optional(),
        legacy: z.boolean().optional(),
      }),
    ),
    lenient: z.array(
      z.object({ name: z.string(), frame: z.string(), message: spelledMessage, why: z.string() }),
    ),
    refused: z.array(z.object({ name: z.string(), frame: z.string() })),
  })
  .parse(
    JSON.parse(
      readFileSync(new URL('../../../protocol/vectors/clasp.json', import.meta.url), 'utf8'),
    ),
  );

/** `{"f64": 0.5}` as the bytes of its data, written without the code that is on trial. */
function spelled(value: Readonly<Record<string, unknown>>): WireValue {
  const [[name, content] = ['', null]] = Object.entries(value);
  const type = valueTypes[name as keyof typeof valueTypes];
  return { type, data: new Uint8Array(dataOf(name, content)) };
}

function dataOf(name: string, content: unknown): Buffer {
  switch (name) {
    case 'null':
      return Buffer.alloc(0);
    case 'bool':
      return Buffer.from([content === true ? 1 : 0]);
    case 'string':
      return counted(Buffer.from(String(content)));
    case 'bytes':
      return counted(Buffer.from(String(content), 'hex'));
    case 'array': {
      const items = content as Record<string, unknown>[];
      return Buffer.concat([short(items.length), ...items.map(typed)]);
    }
    case 'map': {
      const entries = content as [string, Record<string, unknown>][];
      return Buffer.concat([
        short(entries.length),
        ...entries.flatMap(([key, item]) => [counted(Buffer.from(key)), typed(item)]),
      ]);
    }
    default:
      return numberData(name, content);
  }
}

function numberData(name: string, content: unknown): Buffer {
  const bytes = Buffer.alloc(8);
  switch (name) {
    case 'i8':
      return bytes.subarray(0, bytes.writeInt8(Number(content)));
    case 'i16':
      return bytes.subarray(0, bytes.writeInt16BE(Number(content)));
    case 'i32':
      return bytes.subarray(0, bytes.writeInt32BE(Number(content)));
    case 'i64':
      return bytes.subarray(0, bytes.writeBigInt64BE(BigInt(String(content))));
    case 'f32':
      return bytes.subarray(0, bytes.writeFloatBE(Number(content)));
    default:
      return bytes.subarray(0, bytes.writeDoubleBE(Number(content)));
  }
}

function typed(value: Record<string, unknown>): Buffer {
  const { type, data } = spelled(value);
  return Buffer.concat([Buffer.from([type]), data]);
}

function counted(bytes: Buffer): Buffer {
  return Buffer.concat([short(bytes.length), bytes]);
}

function short(length: number): Buffer {
  return Buffer.from([length >> 8, length & 0xff]);
}

/** The message as the code has it: values, samples and bundled messages in its forms. */
function messageOf(source: Readonly<Record<string, unknown>>): SignalMessage {
  const { messages, ...rest } = source;
  const message = formed(rest) as Record<string, unknown>;
  if (messages === undefined) {
    return message as unknown as SignalMessage;
  }
  const members = (messages as Record<string, unknown>[]).map((member) =>
    bundleMember(messageOf(member)),
  );
  return { ...message, members } as unknown as SignalMessage;
}

function formed(source: unknown): unknown {
  if (Array.isArray(source)) {
    return source.map(formed);
  }
  if (typeof source !== 'object' || source === null) {
    return source;
  }
  return Object.fromEntries(
    Object.entries(source).map(([name, field]) => {
      if (name === 'value' || name === 'default') {
        return [name, spelled(field as Record<string, unknown>)];
      }
      return [name, name === 'samples' ? samplesOf(field as number[]) : formed(field)];
    }),
  );
}

describe('frames as others write them', () => {
  it.each(vectors.frames)('$name is read', ({ frame, message, qos, timestamp, legacy }) => {
    const read = decodeFrame(fromHex(frame));
    expect(read.message).toEqual(messageOf(message));
    expect([read.qos, read.timestamp, read.legacy]).toEqual([qos, timestamp, legacy ?? false]);
  });

  it.each(vectors.frames.filter(({ legacy }) => legacy !== true))(
    '$name is written',
    ({ frame, message, qos, timestamp }) => {
      const written = encodeFrame(messageOf(message), { qos, timestamp });
      expect(toHex(written)).toBe(frame);
    },
  );

  it.each(vectors.lenient)('$name: $why', ({ frame, message }) => {
    expect(decodeFrame(fromHex(frame)).message).toEqual(messageOf(message));
  });

  it.each(vectors.refused)('refuses $name', ({ frame }) => {
    expect(() => decodeFrame(fromHex(frame))).toThrow(
      expect.toSatisfy((error) => isHansaError(error, 'SIGNAL_FRAME_INVALID')),
    );
  });

  it('keeps samples', () => {
    expect(samplesFrom(samplesOf([0.5, -1]))).toEqual([0.5, -1]);
  });
});

describe('passing a frame on', () => {
  const set = '530100102107' + '00042f612f62' + '3fe8000000000000';
  const legacy = vectors.frames.find(({ name }) => name === 'legacy SET');

  it('gives the very bytes, without what stood behind them', () => {
    const received = fromHex(`${set}ffff`);
    const relayed = relayedFrame(decodeFrame(received));
    expect(toHex(relayed)).toBe(set);
    expect(relayed.buffer).toBe(received.buffer);
  });

  it('leaves out the timestamp and the flags of the frame', () => {
    const flagged = fromHex(`53790010${'00060a24181e4000'}${set.slice(8)}`);
    expect(toHex(relayedFrame(decodeFrame(flagged)))).toBe(`5341${set.slice(4)}`);
  });

  it('writes a legacy frame anew, in the encoding that everybody reads', () => {
    const relayed = relayedFrame(decodeFrame(fromHex(legacy?.frame ?? '')));
    expect(toHex(relayed)).toBe('53410010' + '2107' + '00042f612f62' + '3fe0000000000000');
  });
});
