// A schema as one line a person reads: `{ peer: string, words?: string }`.

/** The part of JSON Schema that the shapes of contracts are made of. */
export interface JsonSchema {
  readonly type?: string | readonly string[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown | undefined;
  readonly anyOf?: readonly JsonSchema[] | undefined;
  readonly oneOf?: readonly JsonSchema[] | undefined;
  readonly allOf?: readonly JsonSchema[] | undefined;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | JsonSchema | undefined;
  readonly items?: boolean | JsonSchema | undefined;
  readonly prefixItems?: readonly JsonSchema[] | undefined;
}

export function shapeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) {
    return JSON.stringify(schema.const);
  }
  if (schema.enum !== undefined) {
    return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    return [...new Set(choices.map(shapeOf))].join(' | ');
  }
  if (schema.allOf !== undefined) {
    return schema.allOf.map(shapeOf).join(' & ');
  }
  return shapeOfType(schema);
}

function shapeOfType(schema: JsonSchema): string {
  if (schema.type === 'object') {
    return shapeOfObject(schema);
  }
  if (schema.type === 'array') {
    return shapeOfArray(schema);
  }
  // A schema without a type is what JSON cannot say: bytes travel as such on the wire.
  const types = schema.type ?? 'any';
  return typeof types === 'string' ? types : types.join(' | ');
}

function shapeOfObject({
  properties = {},
  required = [],
  additionalProperties,
}: JsonSchema): string {
  const fields = Object.entries(properties).map(([name, value]) => {
    const mark = required.includes(name) ? '' : '?';
    return `${name}${mark}: ${shapeOf(value)}`;
  });
  if (typeof additionalProperties === 'object') {
    fields.push(`[name]: ${shapeOf(additionalProperties)}`);
  }
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

function shapeOfArray({ items, prefixItems }: JsonSchema): string {
  if (prefixItems !== undefined) {
    return `[${prefixItems.map(shapeOf).join(', ')}]`;
  }
  const inner = typeof items === 'object' ? shapeOf(items) : 'any';
  return inner.includes(' | ') ? `(${inner})[]` : `${inner}[]`;
}
