// Text from paths and queries, turned into what a method's schema expects: `?limit=10&all=true` is
// a number and a boolean. What does not fit stays text, and the edge says what is wrong with it.
import { invariant, type AnyContract } from '@hansa/foundation';
import { z } from 'zod';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The whole input as one JSON text, for what flat text cannot say. */
export const wholeInputParameter = 'json';

type Kind = 'text' | 'number' | 'boolean' | 'list' | 'json';

export interface QueryReader {
  /** The input object of a query string, without its `?`. */
  read(query: string): Record<string, unknown>;
  /** One path parameter's value. */
  value(name: string, text: string): unknown;
}

export function inputSchema(promise: AnyContract['methods'][string]): JsonSchema {
  return z.toJSONSchema(promise.input, { io: 'input', unrepresentable: 'any' });
}

export function createQueryReader(schema: JsonSchema): QueryReader {
  const fields = propertiesOf(schema);
  invariant(!fields.has(wholeInputParameter), `"${wholeInputParameter}" is no name for a field`);
  const kinds = new Map([...fields].map(([name, field]) => [name, kindOf(field, schema)]));
  const items = new Map(
    [...fields].map(([name, field]) => [name, kindOf(itemsOf(field, schema), schema)]),
  );
  return {
    value: (name, text) => convert(kinds.get(name) ?? 'text', text),
    read(query) {
      const parameters = new URLSearchParams(query);
      const whole = parameters.get(wholeInputParameter);
      const input: Record<string, unknown> = whole === null ? {} : asObject(convert('json', whole));
      parameters.delete(wholeInputParameter);
      for (const name of new Set(parameters.keys())) {
        const texts = parameters.getAll(name);
        const value =
          kinds.get(name) === 'list'
            ? texts.map((text) => convert(items.get(name) ?? 'text', text))
            : convert(kinds.get(name) ?? 'text', texts.at(-1) ?? '');
        // Defined, not assigned: a parameter named "__proto__" is an ordinary unknown field.
        Object.defineProperty(input, name, { value, enumerable: true, configurable: true });
      }
      return input;
    },
  };
}

function convert(kind: Kind, text: string): unknown {
  if (kind === 'number') {
    return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
  }
  if (kind === 'boolean') {
    return text === 'true' ? true : text === 'false' ? false : text;
  }
  if (kind !== 'json') {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  // Something else cannot be merged with parameters; under this name the edge refuses or ignores
  // it.
  return isRecord(value) ? { ...value } : { [wholeInputParameter]: value };
}

/** The fields of an object schema; of every member where it is a union. */
export function propertiesOf(schema: JsonSchema): Map<string, JsonSchema> {
  const fields = new Map<string, JsonSchema>();
  const add = (name: string, field: JsonSchema): void => {
    const before = fields.get(name);
    fields.set(name, before === undefined ? field : { anyOf: [before, field] });
  };
  for (const [name, field] of Object.entries(asRecord(schema['properties']))) {
    add(name, asRecord(field));
  }
  for (const member of membersOf(schema)) {
    propertiesOf(member).forEach((field, name) => add(name, field));
  }
  return fields;
}

function kindOf(field: JsonSchema, root: JsonSchema): Kind {
  const schema = resolved(field, root);
  const kinds = new Set(
    membersOf(schema)
      .filter(notNull)
      .map((member) => kindOf(member, root)),
  );
  if (kinds.size > 0) {
    return together(kinds);
  }
  const type = schema['type'] ?? (typeof schema['const'] === 'string' ? 'string' : undefined);
  const types = (Array.isArray(type) ? type : [type]).filter((one) => one !== 'null');
  return together(new Set(types.map((one) => kindsByType.get(one) ?? 'json')));
}

const kindsByType: ReadonlyMap<unknown, Kind> = new Map([
  ['string', 'text'],
  ['number', 'number'],
  ['integer', 'number'],
  ['boolean', 'boolean'],
  ['array', 'list'],
]);

// Where text is allowed, text is meant: `?title=7` is a title, not a number.
function together(kinds: ReadonlySet<Kind>): Kind {
  const [only = 'json'] = kinds;
  return kinds.size === 1 ? only : kinds.has('text') ? 'text' : 'json';
}

function itemsOf(field: JsonSchema, root: JsonSchema): JsonSchema {
  const schema = resolved(field, root);
  const list = [schema, ...membersOf(schema)].find((one) => one['type'] === 'array');
  return asRecord(list?.['items']);
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref: reference } = schema;
  const prefix = '#/$defs/';
  return typeof reference === 'string' && reference.startsWith(prefix)
    ? asRecord(asRecord(root['$defs'])[reference.slice(prefix.length)])
    : schema;
}

function membersOf(schema: JsonSchema): JsonSchema[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
    const members = schema[key];
    return Array.isArray(members) ? members.map(asRecord) : [];
  });
}

function notNull(schema: JsonSchema): boolean {
  return schema['type'] !== 'null';
}

function asRecord(value: unknown): JsonSchema {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
