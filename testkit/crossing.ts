// Every bound of a schema, crossed one at a time: from a schema a smallest valid value, and from
// that, values which are wrong in one place only. The schema is read as JSON Schema, so a bound
// that is only code (a refinement) is not walked; those are tried where they stand.
import { schemaJson, type AnyMethod } from '../scripts/docs/schema-json.ts';
import type { JsonSchema } from '../scripts/docs/shape.ts';

/** What the walk reads besides shapes. */
export interface BoundedSchema extends JsonSchema {
  readonly $ref?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly propertyNames?: BoundedSchema;
}

/** A value that is wrong in one place. */
export interface Crossing {
  /** `items.0.name`; empty for the whole. */
  readonly field: string;
  /** `longer than 64`. */
  readonly how: string;
  readonly input: unknown;
}

/** Texts that satisfy patterns, tried in this order: one for every pattern there is. */
export type Samples = readonly string[];

export interface Walk {
  readonly schema: BoundedSchema;
  /** The smallest valid value, with every optional field. */
  readonly valid: unknown;
  readonly crossings: readonly Crossing[];
}

/** `seed` has the fields in which a valid input of this method is not the plainest one. */
export function walkInput(method: AnyMethod, samples: Samples, seed: object = {}): Walk {
  const schema = schemaJson(method.input, 'input');
  const plain = valueOf(schema, samples);
  const valid = typeof plain === 'object' ? { ...plain, ...seed } : plain;
  return { schema, valid, crossings: crossingsOf(schema, { value: valid, samples }) };
}

/** A small valid value. */
export function valueOf(schema: BoundedSchema, samples: Samples): unknown {
  if (schema.const !== undefined) {
    return schema.const;
  }
  if (schema.enum !== undefined) {
    return schema.enum[0];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return choices[0] === undefined ? undefined : valueOf(choices[0], samples);
  }
  if (schema.allOf !== undefined) {
    return textFor(schema.allOf, samples);
  }
  return plainValue(schema, samples);
}

function plainValue(schema: BoundedSchema, samples: Samples): unknown {
  const { type, minLength = 0, minItems = 0 } = schema;
  switch (type) {
    case 'string':
      return textFor([schema], samples);
    case 'bytes':
      return new Uint8Array(minLength);
    case 'integer':
    case 'number':
      return Math.max(schema.minimum ?? 0, (schema.exclusiveMinimum ?? -1) + 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array':
      return Array.from({ length: minItems }, () => itemOf(schema, samples));
    case 'object':
      return objectOf(schema, samples);
    default:
      return {};
  }
}

function itemOf({ items }: BoundedSchema, samples: Samples): unknown {
  return typeof items === 'object' ? valueOf(items, samples) : 'anything';
}

function objectOf({ properties = {} }: BoundedSchema, samples: Samples): unknown {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valueOf(schema, samples)]),
  );
}

function textFor(schemas: readonly BoundedSchema[], samples: Samples): string {
  const fits = (text: string): boolean =>
    schemas.every(
      ({ pattern, minLength = 0, maxLength = Infinity }) =>
        text.length >= minLength &&
        text.length <= maxLength &&
        (pattern === undefined || new RegExp(pattern, 'u').test(text)),
    );
  const longest = Math.max(0, ...schemas.map(({ minLength = 0 }) => minLength));
  const found = [...samples, 'a'.repeat(longest)].find(fits);
  if (found === undefined) {
    throw new Error(`no sample fits ${schemas.map(({ pattern }) => pattern).join(' and ')}`);
  }
  return found;
}

interface Place {
  readonly value: unknown;
  readonly samples: Samples;
}

function crossingsOf(schema: BoundedSchema, place: Place): readonly Crossing[] {
  const { anyOf, oneOf } = schema;
  if (anyOf !== undefined || oneOf !== undefined) {
    // What one choice forbids another may allow: only what is of no type at all is surely wrong.
    return [wrong('of no choice', alien)];
  }
  const here = [...ofType(schema), ...ofText(schema, place), ...ofNumber(schema)];
  return [...here, ...ofList(schema, place), ...ofObject(schema, place)];
}

function wrong(how: string, input: unknown): Crossing {
  return { field: '', how, input };
}

// No schema of a contract takes it: neither JSON nor MessagePack can say it.
const alien = Symbol('of no type');

function ofType({ type, enum: words, const: only }: BoundedSchema): readonly Crossing[] {
  if (words !== undefined || only !== undefined) {
    return [wrong('an unknown word', 'no such word')];
  }
  return type === undefined ? [] : [wrong('of another type', alien)];
}

function ofText(schema: BoundedSchema, { value }: Place): readonly Crossing[] {
  const { type, minLength = 0, maxLength, pattern, allOf = [] } = schema;
  const parts = allOf.flatMap((part) =>
    ofText({ type: 'string', ...part }, { value, samples: [] }),
  );
  if (type !== 'string' && type !== 'bytes') {
    return parts;
  }
  const make = (length: number): unknown =>
    type === 'bytes' ? new Uint8Array(length) : textOf(value, length);
  return [
    ...parts,
    ...(minLength > 0 ? [wrong(`shorter than ${minLength}`, make(minLength - 1))] : []),
    ...(maxLength === undefined ? [] : [wrong(`longer than ${maxLength}`, make(maxLength + 1))]),
    ...(pattern === undefined || new RegExp(pattern, 'u').test(unfit)
      ? []
      : [wrong('against the pattern', unfit)]),
  ];
}

const unfit = '\u0000 ~';

/** As much of a valid text as there is, then more of its last letter. */
function textOf(value: unknown, length: number): string {
  const text = typeof value === 'string' ? value : '';
  return text.slice(0, length).padEnd(length, text.at(-1) ?? 'a');
}

function ofNumber(schema: BoundedSchema): readonly Crossing[] {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (type !== 'integer' && type !== 'number') {
    return [];
  }
  const least = minimum === undefined ? exclusiveMinimum : minimum - 1;
  const most = maximum === undefined ? exclusiveMaximum : maximum + 1;
  return [
    ...(least === undefined ? [] : [wrong('too small', least)]),
    ...(most === undefined ? [] : [wrong('too large', most)]),
    ...(type === 'integer' ? [wrong('not a whole number', 0.5)] : []),
  ];
}

function ofList(schema: BoundedSchema, { samples }: Place): readonly Crossing[] {
  const { type, items, minItems = 0, maxItems } = schema;
  if (type !== 'array' || schema.prefixItems !== undefined) {
    return [];
  }
  const list = (length: number): unknown[] => Array.from({ length }, () => itemOf(schema, samples));
  const inner =
    typeof items === 'object'
      ? crossingsOf(items, { value: valueOf(items, samples), samples })
      : [];
  return [
    ...(minItems > 0 ? [wrong(`fewer than ${minItems}`, list(minItems - 1))] : []),
    ...(maxItems === undefined ? [] : [wrong(`more than ${maxItems}`, list(maxItems + 1))]),
    ...inner.map((one) => ({ ...one, field: below('0', one), input: [one.input] })),
  ];
}

function ofObject(schema: BoundedSchema, place: Place): readonly Crossing[] {
  const { type, properties = {}, required = [], additionalProperties } = schema;
  const value = typeof place.value === 'object' && place.value !== null ? place.value : {};
  if (type !== 'object') {
    return [];
  }
  const fields = Object.entries(properties).flatMap(([name, inner]) => {
    const given = { value: Reflect.get(value, name), samples: place.samples };
    const crossed = crossingsOf(inner, given);
    return crossed.map((one) => ({
      field: below(name, one),
      how: one.how,
      input: { ...value, [name]: one.input },
    }));
  });
  const missing = required.map((name) => ({
    field: name,
    how: 'missing',
    input: Object.fromEntries(Object.entries(value).filter(([field]) => field !== name)),
  }));
  const strange =
    additionalProperties === false
      ? [wrong('an unknown field', { ...value, 'no-such-field': 1 })]
      : [];
  return [...fields, ...missing, ...strange, ...ofRecord(schema, place)];
}

function ofRecord({ additionalProperties, propertyNames }: BoundedSchema, { samples }: Place) {
  if (typeof additionalProperties !== 'object') {
    return [];
  }
  const name = propertyNames === undefined ? 'a' : textFor([propertyNames], samples);
  const value = valueOf(additionalProperties, samples);
  const values = crossingsOf(additionalProperties, { value, samples }).map((one) => ({
    field: below(name, one),
    how: one.how,
    input: { [name]: one.input },
  }));
  const names = ofText({ type: 'string', ...propertyNames }, { value: name, samples }).map(
    (one) => ({ field: '', how: `a name ${one.how}`, input: { [String(one.input)]: value } }),
  );
  return [...values, ...names];
}

function below(name: string, { field }: Crossing): string {
  return field === '' ? name : `${name}.${field}`;
}
