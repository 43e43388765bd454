import { createNodeCrypto } from '@hansa/crypto-node';
import { expect, test } from 'vitest';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { showingsPerPeerMax } from './contract.ts';
import { createPresented } from './presented.ts';
import { tokenPeerContract } from './wire.ts';

const crypto = createNodeCrypto();

test('a peer shows its tokens over a few streams and no more, whatever others do', () => {
  const presented = createPresented();
  const bergen = clusterOf(crypto, 1);
  const [first] = Array.from({ length: showingsPerPeerMax }, () => presented.open(bergen));
  expect(() => presented.open(bergen)).toThrow('too many streams');
  presented.open(clusterOf(crypto, 3));
  first?.end();
  presented.open(bergen);
  expect(() => presented.open(bergen)).toThrow('too many streams');
});

test('what a peer shows counts as long as the link lasts, and not as long as one of its planes', () => {
  expect(tokenPeerContract.traffic).toBe('control');
});
