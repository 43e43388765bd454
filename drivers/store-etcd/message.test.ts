import fc from 'fast-check';
import { HansaError } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { keyValue, txnRequest, type KeyValue, type TxnRequest } from './messages-kv.ts';
import { leaseAnswer, leaseNamed } from './messages-lease.ts';
import { watchResponse } from './messages-watch.ts';

const anyId = fc
  .bigInt({ min: 0n, max: 2n ** 64n - 1n })
  .map((id) => (id === 0n ? '' : id.toString(16).padStart(16, '0')));
const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyEntry: fc.Arbitrary<KeyValue> = fc.record({
  key: anyBytes,
  createRevision: fc.maxSafeInteger(),
  modRevision: fc.maxSafeInteger(),
  version: fc.maxSafeInteger(),
  value: anyBytes,
  lease: anyId,
});

describe('etcd’s messages', () => {
  test('come back as they were written, whatever is in them', () => {
    const property = fc.property(anyEntry, (entry) => {
      expect(keyValue.decode(keyValue.encode(entry))).toEqual(entry);
    });
    fc.assert(property, { numRuns: 1_000 });
  });

  test('are the bytes that protocol buffers prescribe', () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    expect(hex(leaseNamed.encode({ id: '00000000000000ac' }))).toBe('08ac01');
    const minusOne = leaseAnswer.encode({ id: '', ttl: -1 });
    expect(hex(minusOne)).toBe('18ffffffffffffffffff01');
    expect(leaseAnswer.decode(minusOne).ttl).toBe(-1);
    const absent: TxnRequest = {
      compare: [{ key: Uint8Array.of(97), target: 0, result: 0, version: 0 }],
      success: [{ range: { key: Uint8Array.of(98) } }, { txn: emptyTxn }],
      failure: [],
    };
    // A comparison with version 0 must say 0; an empty message within another is there.
    expect(hex(txnRequest.encode(absent))).toBe('0a051a01612000' + '12050a030a0162' + '12022200');
  });

  test('with more in them than is known here are read all the same', () => {
    const more = Uint8Array.of(0x08, 1, 0x7a, 3, 1, 2, 3, 0x10, 7, 0x18, 1);
    expect(watchResponse.decode(more).created).toBe(true);
  });

  test('that are cut short or make no sense are refused, never misread', () => {
    const whole = keyValue.encode({
      key: Uint8Array.of(1, 2, 3),
      createRevision: 2 ** 40,
      modRevision: 2 ** 41,
      version: 1,
      value: new Uint8Array(200),
      lease: 'ffffffffffffffff',
    });
    const property = fc.property(
      fc.oneof(
        fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
        fc.uint8Array({ maxLength: 64 }),
      ),
      (bytes) => {
        try {
          keyValue.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(HansaError);
        }
      },
    );
    fc.assert(property, { numRuns: 2_000 });
    // 2^53, which a safe integer is not.
    const beyond = Uint8Array.of(0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);
    expect(() => keyValue.decode(beyond)).toThrow('beyond the safe integers');
  });
});

const emptyTxn: TxnRequest = { compare: [], success: [], failure: [] };
