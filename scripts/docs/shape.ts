// A schema as one line a person reads: `{ peer: string, words?: string }`.

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
