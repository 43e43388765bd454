import { expect, test } from 'vitest';
import { sourceNetwork } from './index.ts';

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8::1:2:3:4:5', '2001:db8:0:1::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unix', 'unix'],
  ['', ''],
  ['ab'.repeat(32), 'ab'.repeat(32)],
])('the network of %s is %s', (source, network) => {
  expect(sourceNetwork(source)).toBe(network);
});

test('all addresses of one customer are one, and no two customers are', () => {
  const [one, same, other] = ['2001:db8:1:2::1', '2001:db8:1:2:a:b:c:d', '2001:db8:1:3::1'];
  expect(sourceNetwork(one)).toBe(sourceNetwork(same));
  expect(sourceNetwork(one)).not.toBe(sourceNetwork(other));
});
