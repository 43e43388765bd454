import { describe, expect, test } from 'vitest';
import type { RefChange } from './git.ts';
import { pushFault, withPushRules } from './push-rules.ts';

const one = '1'.repeat(40);
const two = '2'.repeat(40);
const before = {
  refs: [
    { name: 'refs/heads/main', target: one },
    { name: 'refs/heads/team/a', target: one },
  ],
  head: 'refs/heads/main',
  shallow: [],
};

function faultOf(...changes: readonly RefChange[]): string | undefined {
  return pushFault({ changes, before });
}

describe('a push', () => {
  test('may make, move, rewind and delete refs', () => {
    expect(
      faultOf(
        { ref: 'refs/heads/main', old: one, new: two },
        { ref: 'refs/heads/new', old: null, new: one },
        { ref: 'refs/heads/team/a', old: one, new: null },
      ),
    ).toBeUndefined();
  });

  test('must start from where the refs are', () => {
    const late = 'refs/heads/main has moved meanwhile; fetch, then push again';
    expect(faultOf({ ref: 'refs/heads/main', old: two, new: one })).toBe(late);
    expect(faultOf({ ref: 'refs/heads/main', old: null, new: one })).toBe(late);
    expect(faultOf({ ref: 'refs/heads/x', old: one, new: null })).toMatch(/x has moved/);
  });

  test('may not name a ref that git refuses, that is the platform’s, or that it names twice', () => {
    expect(faultOf({ ref: 'refs/heads/../x', old: null, new: one })).toMatch(
      /^no ref can be named/,
    );
    expect(faultOf({ ref: 'refs/hansa/x', old: null, new: one })).toMatch(/^no ref can be named/);
    const twice = { ref: 'refs/heads/x', old: null, new: one };
    expect(faultOf(twice, twice)).toBe('refs/heads/x is changed twice in one push');
  });

  test('may not put a branch where a folder of branches is, not even one it deletes', () => {
    expect(faultOf({ ref: 'refs/heads/team', old: null, new: one })).toMatch(/cannot hold/);
    expect(faultOf({ ref: 'refs/heads/main/x', old: null, new: one })).toMatch(/cannot hold/);
    expect(
      faultOf(
        { ref: 'refs/heads/main', old: one, new: null },
        { ref: 'refs/heads/main/x', old: null, new: one },
      ),
    ).toMatch(/delete one first/);
  });

  test('that breaks a rule is refused unasked', async () => {
    const asked: string[] = [];
    const decide = withPushRules(async (push) => {
      asked.push(...push.changes.map(({ ref }) => ref));
      return { accept: true };
    });
    const push = {
      before,
      after: before,
      pack: async () => undefined,
      isAncestor: async () => true,
    };
    const bad = await decide({ ...push, changes: [{ ref: 'HEAD', old: null, new: one }] });
    const good = await decide({ ...push, changes: [{ ref: 'refs/heads/x', old: null, new: one }] });
    expect([bad, good]).toEqual([
      { accept: false, reason: 'no ref can be named HEAD' },
      { accept: true },
    ]);
    expect(asked).toEqual(['refs/heads/x']);
  });
});
