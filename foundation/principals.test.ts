import { expect, test } from 'vitest';
import { isPrincipal, principal, splitPrincipal } from './principals.ts';
import type { ClusterId } from './ids.ts';

const home = 'ab'.repeat(32) as ClusterId;

test('a principal is read back as it was written, with the cluster that vouches for it', () => {
  for (const parts of [
    { kind: 'user', name: 'anna' },
    { kind: 'service', name: 'build/ci', home },
    { kind: 'workload', name: 'web.1' },
    { kind: 'cluster', name: home },
  ] as const) {
    expect(splitPrincipal(principal(parts))).toEqual(parts);
  }
});

test('what has no such form names nobody', () => {
  const wrong = ['anna', 'user:', 'user:Anna', 'user:a@b', 'root:a', 'user:../a', 'cluster:ab'];
  for (const text of [...wrong, `user:a@${home}0`, `cluster:${home}@${home}`, 'user:a//b']) {
    expect([text, isPrincipal(text)]).toEqual([text, false]);
    expect(() => splitPrincipal(text)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
  }
});
