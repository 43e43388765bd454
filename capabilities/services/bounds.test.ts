import { expect, test } from 'vitest';
import {
  addressLengthMax,
  metadataKeyMax,
  metadataValueMax,
  portMax,
  registrationSecondsMax,
  registryContract,
  tagLengthMax,
  versionLengthMax,
} from './contract.ts';

const plain = { service: 'a', instance: 'x', address: 'h' };
const long = (length: number) => 'x'.repeat(length);
const passes = (more: object) =>
  registryContract.methods.register.input.safeParse({ ...plain, ...more }).success;

test.each<[string, (most: number) => object, number]>([
  ['an address', (most) => ({ address: long(most) }), addressLengthMax],
  ['a tag', (most) => ({ tags: [long(most)] }), tagLengthMax],
  ['a key of metadata', (most) => ({ metadata: { [long(most)]: '' } }), metadataKeyMax],
  ['a value of metadata', (most) => ({ metadata: { k: long(most) } }), metadataValueMax],
  ['a version', (most) => ({ version: long(most) }), versionLengthMax],
  ['a port', (port) => ({ port }), portMax],
  ['a life', (ttlSeconds) => ({ ttlSeconds }), registrationSecondsMax],
])('%s goes so far; one more is refused', (_, of, most) => {
  expect([passes(of(most)), passes(of(most + 1))]).toEqual([true, false]);
});
