// Every bound of a frame is crossed here.
import { fromHex, isHansaError, type HansaError } from '@hansa/foundation';
import { describe, expect, it } from 'vitest';
import { decodeFrame } from './decode.ts';
import { snapshotEntryLength } from './encode-signals.ts';
import { bundleMember, encodeFrame, encodePayload, snapshotFrames } from './encode.ts';
import {
  bundleDepthMax,
  frameBytesMax,
  legacyDepthMax,
  payloadBytesMax,
  snapshotEntryBytesMax,
  valueDepthMax,
} from './limits.ts';
import type { SignalMessage, SnapshotParam, WireValue } from './messages.ts';
import { nullValue, readValue, sameValue, wireValue, type SignalValue } from './values.ts';

function refusalOf(act: () => unknown): HansaError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    expect(isHansaError(error)).toBe(true);
    return error as HansaError;
  }
}

describe('bounds of frames', () => {
  const setOf = (value: WireValue): SignalMessage => ({
    type: 'set',
    address: '/a',
    value,
    lock: false,
    unlock: false,
  });
  const nested = (depth: number): SignalValue => {
    let value: SignalValue = null;
    for (let i = 0; i < depth; i += 1) {
      value = [value];
    }
    return value;
  };

  it('a value is nested as deep as is allowed, and no deeper', () => {
    expect(readValue(wireValue(nested(valueDepthMax)))).toEqual(nested(valueDepthMax));
    expect(refusalOf(() => wireValue(nested(valueDepthMax + 1)))?.code).toBe(
      'SIGNAL_FRAME_TOO_LARGE',
    );
    const inner = wireValue(nested(valueDepthMax)).data;
    const deeper: WireValue = { type: 10, data: Uint8Array.of(0, 1, 10, ...inner) };
    const refusal = refusalOf(() => decodeFrame(encodeFrame(setOf(deeper))));
    expect(refusal?.message).toContain(String(valueDepthMax));
  });

  it('bundles are in each other as deep as is allowed, and no deeper', () => {
    let message: SignalMessage = { type: 'ping' };
    for (let depth = 0; depth < bundleDepthMax; depth += 1) {
      message = { type: 'bundle', members: [bundleMember(message)] };
    }
    expect(decodeFrame(encodeFrame(message)).message.type).toBe('bundle');
    const deeper: SignalMessage = { type: 'bundle', members: [bundleMember(message)] };
    expect(refusalOf(() => decodeFrame(encodeFrame(deeper)))?.code).toBe('SIGNAL_FRAME_INVALID');
  });

  it('a payload has 65,535 bytes and not one more', () => {
    const value = (length: number): WireValue =>
      wireValue(new Uint8Array(length - encodePayload(setOf(wireValue(new Uint8Array(0)))).length));
    const largest = encodeFrame(setOf(value(payloadBytesMax)), { timestamp: 1 });
    expect(largest.length).toBe(frameBytesMax);
    expect(decodeFrame(largest).message.type).toBe('set');
    expect(refusalOf(() => encodeFrame(setOf(value(payloadBytesMax + 1))))?.code).toBe(
      'SIGNAL_FRAME_TOO_LARGE',
    );
  });

  it('a text and a list that no length can tell of are refused', () => {
    const acts = [
      () => encodePayload({ type: 'get', address: 'x'.repeat(70_000) }),
      () => encodePayload({ type: 'get', address: 'ü'.repeat(40_000) }),
      () => wireValue(new Uint8Array(70_000)),
      () => wireValue(Array.from({ length: 70_000 }, () => null)),
      () => encodePayload({ type: 'sync', t1: -1 }),
      () => encodePayload({ type: 'sync', t1: Number.NaN }),
      () => encodePayload({ type: 'sync', t1: 2 ** 53 }),
    ];
    const codes = acts.map((act) => refusalOf(act)?.code);
    expect(new Set(codes)).toEqual(new Set(['SIGNAL_FRAME_TOO_LARGE']));
  });

  it('a legacy frame is nested as deep as is allowed, and grows no larger than a frame', () => {
    const legacy = (value: readonly number[]): Uint8Array => {
      const payload = Buffer.concat([
        fromHex('83a474797065a3534554a761646472657373a22f61a576616c7565'),
        Uint8Array.from(value),
      ]);
      return Uint8Array.of(0x53, 0, payload.length >> 8, payload.length & 0xff, ...payload);
    };
    const lists = (depth: number): number[] => Array.from({ length: depth }, () => 0x91);
    const read = decodeFrame(legacy([...lists(valueDepthMax), 0xc0])).message;
    expect(read.type === 'set' ? readValue(read.value) : undefined).toEqual(nested(valueDepthMax));
    for (const value of [
      [...lists(valueDepthMax + 1), 0xc0],
      [...lists(legacyDepthMax + 1), 0xc0],
      [0xdc, 0x2e, 0xe0, ...Array.from({ length: 12_000 }, () => 1)],
    ]) {
      expect(refusalOf(() => decodeFrame(legacy(value)))?.code).toBe('SIGNAL_FRAME_INVALID');
    }
  });

  it('a snapshot is cut by its bytes, and nothing of it is lost', () => {
    const large: SnapshotParam[] = Array.from({ length: 9 }, (_, i) => ({
      address: `/big/${i}`,
      value: wireValue('x'.repeat(30_000)),
      revision: i,
    }));
    const filling = {
      address: '/full',
      value: wireValue(new Uint8Array(snapshotEntryBytesMax - 19)),
      revision: 1,
    };
    expect(snapshotEntryLength(filling)).toBe(snapshotEntryBytesMax);
    const params = [...large, filling];
    const read = snapshotFrames(params).flatMap((frame) => {
      const { message } = decodeFrame(frame);
      return message.type === 'snapshot' ? message.params : [];
    });
    expect(read.map(({ address }) => address)).toEqual(params.map(({ address }) => address));
    expect(read.every(({ value }, i) => sameValue(value, params[i]?.value ?? nullValue))).toBe(
      true,
    );
    expect(snapshotFrames(params)).toHaveLength(6);
    expect(snapshotFrames([])).toEqual([encodeFrame({ type: 'snapshot', params: [] })]);
    const over = { ...filling, writer: '' };
    expect(refusalOf(() => snapshotFrames([over]))?.code).toBe('SIGNAL_FRAME_TOO_LARGE');
  });
});
