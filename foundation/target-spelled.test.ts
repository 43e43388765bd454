import fc from 'fast-check';
import { expect, test } from 'vitest';
import { federatedId, localId, type ClusterId, type FederatedId } from './ids.ts';
import { resolveSpelled, targetSpelled } from './spelled-resource.ts';

const own = 'a'.repeat(64) as ClusterId;
const other = 'b'.repeat(64) as ClusterId;
const mirrors = { resolve: (spelled: string) => spelled as FederatedId };

test('a target is what the spelling resolves to, for own names and for those of peers', () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,3}(?:\/[a-z0-9]{1,3}){0,2}$/);
  const prefix = fc.constantFrom('', 'kv/', 'kv/kv/', `${own}:kv/`, 'lubeck:', 'lubeck:kv/');
  fc.assert(
    fc.property(prefix, name, (before, rest) => {
      const spelled = `${before}${rest}`;
      const resolved = resolveSpelled({ signer: { cluster: own }, mirrors }, 'kv', spelled);
      const target = targetSpelled('kv', spelled);
      const whole = target.includes(':') ? target : `${own}:${target}`;
      expect([spelled, whole]).toEqual([spelled, resolved]);
    }),
  );
});

test('an own id of another kind is no resource of this one', () => {
  const id = federatedId(own, localId('git', 'app'));
  expect(targetSpelled('kv', id)).toBe(`${own}:kv/git/app`);
  expect(targetSpelled('kv', federatedId(other, localId('kv', 'app')))).toBe(`${other}:kv/app`);
});
