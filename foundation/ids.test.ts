import { describe, expect, test } from 'vitest';
import {
  clusterIdSchema,
  federatedId,
  federatedIdSchema,
  localId,
  localIdSchema,
  resourceNameSchema,
  splitFederatedId,
} from './ids.ts';

const cluster = clusterIdSchema.parse('0a'.repeat(32));

describe('ids', () => {
  test('of a resource are taken apart as they were put together, slashes and colons included', () => {
    for (const name of ['hansa', 'team/app', 'a/b/c', 'git/git', 'a:b']) {
      const id = federatedId(cluster, localId('git', name));
      expect(federatedIdSchema.parse(id)).toBe(id);
      expect(splitFederatedId(id)).toEqual({
        owner: cluster,
        local: `git/${name}`,
        kind: 'git',
        name,
      });
    }
  });

  test.each([
    ['upper case', '0A'.repeat(32)],
    ['63 digits', '0'.repeat(63)],
    ['65 digits', '0'.repeat(65)],
    ['a line break at its end', `${'0'.repeat(64)}\n`],
    ['nothing', ''],
  ])('of a cluster are 64 lower-case hex digits, not %s', (_, text) => {
    expect(clusterIdSchema.safeParse(text).success).toBe(false);
  });

  test.each(['git/', '/hansa', 'Git/hansa', '1git/x', 'git', `${'k'.repeat(33)}/x`])(
    'of a resource here are a kind and a name, not "%s"',
    (text) => {
      expect(localIdSchema.safeParse(text).success).toBe(false);
      expect(federatedIdSchema.safeParse(`${cluster}:${text}`).success).toBe(false);
    },
  );
});

describe('the name of a resource', () => {
  test.each(['hansa', 'team/app', 'a', 'A_b-c.d', '_x', '0', 'a'.repeat(128)])(
    'may be "%s"',
    (name) => {
      expect(resourceNameSchema.safeParse(name).success).toBe(true);
    },
  );

  test.each([
    '',
    '.',
    '..',
    'a/../b',
    '/a',
    'a/',
    'a//b',
    '-rf',
    'a/-x',
    '.git',
    'a/.hidden',
    'a.git',
    'a.git/b',
    'x.lock',
    'a..b',
    'a.',
    'a b',
    'a\\b',
    'a\0b',
    'ü',
    'a:b',
    'a\n',
    'a'.repeat(129),
  ])('is never an option, a hidden file or a way out of a folder: "%s"', (name) => {
    expect(resourceNameSchema.safeParse(name).success).toBe(false);
  });
});
