// A schema as a person reads it: `{ peer: string, words?: string }`, on several lines where it is
// long.

/** The part of JSON Schema that the shapes of contracts are made of. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: boolean | JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
}

const columnsMax = 80; // beside the list mark it stays within a page

export function shapeOf(schema: JsonSchema, indent = ''): string {
  if (schema.const !== undefined) {
    return JSON.stringify(schema.const);
  }
  if (schema.enum !== undefined) {
    const values = schema.enum.map((value) => JSON.stringify(value));
    return fitted(values, { open: '', close: '', between: ' | ', indent });
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return [...new Set(choices.map((one) => shapeOf(one, indent)))].join(' | ');
  }
  if (schema.allOf !== undefined) {
    return schema.allOf.map((one) => shapeOf(one, indent)).join(' & ');
  }
  return shapeOfType(schema, indent);
}

function shapeOfType(schema: JsonSchema, indent: string): string {
  if (schema.type === 'object') {
    return shapeOfObject(schema, indent);
  }
  if (schema.type === 'array') {
    return shapeOfArray(schema, indent);
  }
  // A schema without a type is what JSON cannot say: bytes travel as such on the wire.
  const types = schema.type ?? 'any';
  return typeof types === 'string' ? types : types.join(' | ');
}

function shapeOfObject(schema: JsonSchema, indent: string): string {
  const { properties = {}, required = [], additionalProperties } = schema;
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, value]) => {
    const mark = required.includes(name) ? '' : '?';
    const shape = shapeOf(value, inner);
    return `${name}${mark}:${shape.startsWith('\n') ? '' : ' '}${shape}`;
  });
  if (typeof additionalProperties === 'object') {
    fields.push(`[name]: ${shapeOf(additionalProperties, inner)}`);
  }
  const braces = { open: '{ ', close: ' }', between: ', ', indent };
  return fields.length === 0 ? '{}' : fitted(fields, braces);
}

function shapeOfArray({ items, prefixItems }: JsonSchema, indent: string): string {
  if (prefixItems !== undefined) {
    return `[${prefixItems.map((one) => shapeOf(one, indent)).join(', ')}]`;
  }
  const inner = typeof items === 'object' ? shapeOf(items, indent) : 'any';
  const isChoice = typeof items === 'object' && items.type !== 'object' && inner.includes(' | ');
  return isChoice ? `(${inner})[]` : `${inner}[]`;
}

interface Frame {
  readonly open: string;
  readonly close: string;
  readonly between: string;
  readonly indent: string;
}

function fitted(parts: readonly string[], { open, close, between, indent }: Frame): string {
  const line = `${open}${parts.join(between)}${close}`;
  if (indent.length + line.length <= columnsMax && !line.includes('\n')) {
    return line;
  }
  const start = open === '' ? `\n${indent}  | ` : `\n${indent}  `;
  const end = open === '' ? '' : `\n${indent}${close.trim()}`;
  return `${open.trim()}${parts.map((part) => `${start}${part}`).join('')}${end}`;
}
