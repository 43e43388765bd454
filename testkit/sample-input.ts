// The least input that a schema takes, made from the schema itself: for tests that walk every
// method.
import type { AnyContract } from '@hansa/foundation';

type Json = Readonly<Record<string, unknown>>;

const hex = 'a'.repeat(64);
// Texts of the forms that this product has; the first that fits is taken.
const texts = [
  'a',
  'aa',
  'aaa',
  'a/b',
  'role:a',
  'user:a',
  '0'.repeat(16),
  'a'.repeat(22),
  '0'.repeat(32),
  hex,
  `${hex}:kv/a`,
  `user:a@${hex}`,
  `cluster:${hex}`,
  'bearer',
  '0'.repeat(128),
  'A'.repeat(43),
  'http://127.0.0.1:1',
  'https://a.example',
  'a@b.example',
  '1.0.0',
  'api:kv.read',
  'read',
];

/**
 * With what the schema's own rules ask for besides. Throws where nothing that is known fits: then
 * the test that walks says what to add.
 */
export function sampleInput(contract: AnyContract, method: string, more: object = {}): unknown {
  const { input } = contract.methods[method] ?? {};
  const json = input?.toJSONSchema({ unrepresentable: 'any', io: 'input', cycles: 'ref' });
  const least = sampleOf(JSON.parse(JSON.stringify(json ?? {})) as Json);
  const sample = { ...(least as object), ...more };
  const parsed = input?.safeParse(sample);
  if (parsed?.success !== true) {
    const reason = parsed?.error.message ?? 'no such method';
    throw new Error(`no sample for ${contract.name}.${method}: ${reason}`);
  }
  return sample;
}

function sampleOf(schema: Json): unknown {
  const { const: only, enum: choices, anyOf, oneOf } = schema;
  if (only !== undefined) {
    return only;
  }
  const [choice] = [choices, anyOf, oneOf].filter((list) => Array.isArray(list));
  if (choice !== undefined) {
    const [first] = choice as readonly unknown[];
    return choices === undefined ? sampleOf(first as Json) : first;
  }
  switch (schema['type']) {
    case 'object':
      return sampleObject(schema);
    case 'array':
      return sampleArray(schema);
    case 'integer':
    case 'number':
      return Math.max(
        sampleNumber(schema['minimum']),
        sampleNumber(schema['exclusiveMinimum']) + 1,
      );
    case 'boolean':
      return true;
    case 'string':
      return sampleText(schema);
    default:
      return {};
  }
}

function sampleObject(schema: Json): Json {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Json>>;
  const required = (schema['required'] ?? []) as readonly string[];
  return Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]));
}

function sampleArray(schema: Json): readonly unknown[] {
  const length = sampleNumber(schema['minItems']);
  return Array.from({ length }, () => sampleOf((schema['items'] ?? {}) as Json));
}

function sampleNumber(least: unknown): number {
  return typeof least === 'number' ? least : 0;
}

function sampleText(schema: Json): string {
  const all = (schema['allOf'] ?? []) as readonly Json[];
  const patterns = [schema, ...all].flatMap(({ pattern }) =>
    typeof pattern === 'string' ? [new RegExp(pattern, 'u')] : [],
  );
  const least = sampleNumber(schema['minLength']);
  const most = typeof schema['maxLength'] === 'number' ? schema['maxLength'] : Infinity;
  const grown = [...texts, 'a'.repeat(least)];
  const found = grown.find(
    (text) =>
      text.length >= least && text.length <= most && patterns.every((one) => one.test(text)),
  );
  return found ?? '';
}
