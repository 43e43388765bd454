import { expect, test } from 'vitest';
import { z } from 'zod';
import { schemaSentence } from './schema-sentence.ts';

function sentence(schema: z.ZodType, value: unknown): string {
  const parsed = schema.safeParse(value);
  return parsed.success ? '' : schemaSentence(parsed.error);
}

function ofType<T extends string>(t: T): z.ZodObject<{ t: z.ZodLiteral<T> }> {
  return z.object({ t: z.literal(t) });
}

test.each<readonly [string, z.ZodType, unknown]>([
  ['must be at least 1048576', z.number().min(1_048_576), 3],
  ['must be at most 9', z.number().max(9), 10],
  ['must be more than 0', z.number().positive(), 0],
  ['must hold at most 2 items', z.array(z.string()).max(2), ['a', 'b', 'c']],
  ['must hold at least 1 item', z.array(z.string()).min(1), []],
  ['must have at least 3 characters', z.string().min(3), 'a'],
  ['must have exactly 3 characters', z.string().length(3), 'a'],
  ['is missing: it must be text', z.string(), undefined],
  ['must be a whole number', z.number().int(), 1.5],
  ['must be true or false', z.boolean(), 'yes'],
  ['must be x, y or z', z.enum(['x', 'y', 'z']), 'w'],
  ['has no "zz" or "yy"', z.strictObject({}), { zz: 1, yy: 2 }],
  ['must be a multiple of 5', z.number().multipleOf(5), 3],
  ['must be a URL', z.url(), 'no'],
  ['must be of the form that is allowed there', z.string().regex(/^a$/), 'b'],
  ['.t must be a or b', z.discriminatedUnion('t', [ofType('a'), ofType('b')]), { t: 'z' }],
  ['.abc must have at most 1 character', z.record(z.string().max(1), z.string()), { abc: 'x' }],
  ['must be text or a number', z.union([z.string(), z.number()]), true],
])('a field that is not allowed %s', (told, schema, value) => {
  expect(sentence(z.object({ field: schema }), { field: value })).toBe(
    `field${told.startsWith('.') ? told : ` ${told}`}`,
  );
});

test('a field is named with the way to it, as it is written in JSON', () => {
  const schema = z.object({ add: z.object({ budget: z.array(z.number().min(1)) }) });
  expect(sentence(schema, { add: { budget: [1, 0] } })).toBe('add.budget.1 must be at least 1');
});

test('the whole value is called it', () => {
  expect(sentence(z.object({}), 1)).toBe('it must be an object');
});

test('a message of our own schemas is told as it is', () => {
  const schema = z.object({ name: z.string().regex(/^a$/, 'a name is the letter a') });
  expect(sentence(schema, { name: 'b' })).toBe('name: a name is the letter a');
});

test('of several forms the one that was meant is told', () => {
  const schema = z.object({
    key: z.union([z.string().regex(/^a$/, 'a key is the letter a'), z.number()]),
  });
  expect(sentence(schema, { key: 'b' })).toBe('key: a key is the letter a');
});

test('names of a stranger fill no line, and what is wrong is counted', () => {
  const parsed = z.strictObject({}).safeParse({ ['x'.repeat(500)]: 1 });
  expect(schemaSentence(parsed.error ?? new z.ZodError([])).length).toBeLessThan(300);
  const many = z.array(z.number());
  expect(
    sentence(
      many,
      Array.from({ length: 12 }, () => 'x'),
    ),
  ).toMatch(/^0 must be a number; 1 must be a number; .*; and 4 more$/);
});
