import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AnyContract } from '../contract.ts';
import { spokenBy, spokenContractsMax, spokenSchema, versionToAsk } from './versions.ts';

const row = {
  summary: 'A row.',
  permission: 'peer',
  input: z.object({}),
  output: z.object({}),
  errors: [],
} as const;
const doors: AnyContract = {
  name: 'doors',
  version: 3,
  since: 2,
  methods: { open: row, wider: { ...row, since: 3 } },
};

describe('versions of contracts', () => {
  test('each side says what it serves, from the oldest that it still answers', () => {
    expect(spokenBy([doors, { name: 'walls', version: 1, methods: {} }])).toEqual({
      doors: { min: 2, max: 3 },
      walls: { min: 1, max: 1 },
    });
  });

  test('a peer is asked in the newest version that both know', () => {
    expect(versionToAsk(doors, 'open', { doors: { min: 1, max: 2 } })).toBe(2);
    expect(versionToAsk(doors, 'open', { doors: { min: 3, max: 9 } })).toBe(3);
  });

  test('a method that came later is not asked of a peer that does not know it', () => {
    const older = { doors: { min: 1, max: 2 } };
    expect(() => versionToAsk(doors, 'wider', older)).toThrow('doors.wider needs version 3');
  });

  test('ranges that do not meet, and contracts that are not served, are told apart', () => {
    expect(() => versionToAsk(doors, 'open', { doors: { min: 1, max: 1 } })).toThrow(
      'doors is spoken in versions 2 to 3 here and 1 to 1 there',
    );
    expect(() => versionToAsk(doors, 'open', { doors: { min: 4, max: 5 } })).toThrow('4 to 5');
    expect(() => versionToAsk(doors, 'open', {})).toThrow('the far side serves no doors');
    expect(() => versionToAsk({ ...doors, name: 'toString' }, 'open', {})).toThrow('serves no');
  });

  test('names that nobody here knows are kept, within bounds', () => {
    const spoken = { teleport: { min: 1, max: 7 } };
    expect(spokenSchema.parse(spoken)).toEqual(spoken);
    const many = Object.fromEntries(
      Array.from({ length: spokenContractsMax + 1 }, (_, at) => [`c${at}`, { min: 1, max: 1 }]),
    );
    expect(spokenSchema.safeParse(many).success).toBe(false);
    expect(spokenSchema.safeParse({ doors: { min: 2, max: 1 } }).success).toBe(false);
  });
});
