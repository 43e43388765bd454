import { describe, expect, test } from 'vitest';
import { federatedId, localId, type ClusterId, type FederatedId } from './ids.ts';
import {
  chosenSpelled,
  nameWithKind,
  requireOwn,
  resolveSpelled,
  spelledResource,
} from './spelled-resource.ts';

const ours = 'a'.repeat(64) as ClusterId;
const theirs = 'b'.repeat(64) as ClusterId;
const mirrored = federatedId(theirs, localId('kv', 'team/config'));

describe('a resource as people spell it', () => {
  const asked: string[] = [];
  const needs = {
    signer: { cluster: ours },
    mirrors: {
      resolve(spelled: string): FederatedId {
        asked.push(spelled);
        return mirrored;
      },
    },
  };

  test.each(['team/config', 'kv/team/config', `${ours}:kv/team/config`])(
    '%s is our own',
    (spelled) => {
      const own = federatedId(ours, localId('kv', 'team/config'));
      expect(resolveSpelled(needs, 'kv', spelled)).toBe(own);
    },
  );

  test.each(['bergen:team/config', 'bergen:kv/team/config'])('%s is a mirror', (spelled) => {
    expect(resolveSpelled(needs, 'kv', spelled)).toBe(mirrored);
    expect(asked.at(-1)).toBe('bergen:kv/team/config');
  });

  test('by another cluster’s federated id is a mirror', () => {
    expect(resolveSpelled(needs, 'kv', mirrored)).toBe(mirrored);
    expect(asked.at(-1)).toBe(mirrored);
  });

  test('is written as it is read', () => {
    const shown = { ownerName: 'bergen', name: 'config' };
    expect(spelledResource({ ...shown, role: 'own' })).toBe('config');
    expect(spelledResource({ ...shown, role: 'mirror' })).toBe('bergen:config');
  });

  test('whatever is written of what there is means the same when it is read', () => {
    const found = ['site', 'checklist/ship', 'prices'].flatMap((name) =>
      ['kv', 'git'].map((kind) => ({ kind, name })),
    );
    found.push({ kind: 'checklist', name: 'ship' });
    for (const each of found) {
      expect(chosenSpelled(found, nameWithKind(each))).toBe(each);
    }
  });

  test('without its kind is the only one of that name, and of several is an error', () => {
    const [notes, kv, stream] = [
      { kind: 'document', name: 'notes' },
      { kind: 'kv', name: 'prices' },
      { kind: 'stream', name: 'prices' },
    ];
    const found = [notes, kv, stream];
    expect(chosenSpelled(found, 'notes')).toBe(notes);
    expect(chosenSpelled(found, 'absent')).toBeUndefined();
    expect(() => chosenSpelled(found, 'prices')).toThrow('could be kv/prices, stream/prices');
  });

  test('is not deleted where it is a mirror: the refusal says how to give the copy up', () => {
    const shown = { ownerName: 'bergen', name: 'config' };
    expect(() => requireOwn({ ...shown, role: 'own' }, 'kv')).not.toThrow();
    expect(() => requireOwn({ ...shown, role: 'mirror' }, 'kv')).toThrow(
      expect.objectContaining({
        code: 'RESOURCE_READ_ONLY',
        fix: 'to give the copy up: hansa mirror remove bergen:kv/config',
      }),
    );
  });
});
