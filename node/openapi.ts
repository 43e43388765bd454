// The API's own description: OpenAPI 3.1, derived from the contracts and never written by hand.
import {
  errorCodes,
  type AnyContract,
  type ErrorCode,
  type ErrorCodeEntry,
  type HttpRoute,
} from '@hansa/foundation';
import { z } from 'zod';
import { splitRoute } from './http-contract.ts';
import { inputSchema, propertiesOf, type JsonSchema } from './http-query.ts';

interface Described {
  readonly contracts: readonly AnyContract[];
  readonly routes: readonly HttpRoute[];
  readonly version: string;
}

type Promised = AnyContract['methods'][string];
type Components = Record<string, unknown>;

// What every road may answer; a contract names only what is its own.
const commonErrors: readonly ErrorCode[] = [
  'INPUT_INVALID',
  'INPUT_TOO_LARGE',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'INTERNAL',
  'OUTPUT_INVALID',
  'SHUTTING_DOWN',
];

export function openApi({ contracts, routes, version }: Described): JsonSchema {
  const schemas: Components = { ErrorReport: errorReport };
  const paths: Record<string, Record<string, unknown>> = {};
  const add = (verb: string, path: string, operation: JsonSchema): void => {
    paths[path] = { ...paths[path], [verb.toLowerCase()]: operation };
  };
  add('GET', '/health', health);
  for (const contract of contracts) {
    for (const [method, promise] of Object.entries(contract.methods)) {
      if (promise.route !== undefined) {
        const { verb, path } = splitRoute(promise.route);
        const operation = contractOperation({ contract, method, promise }, schemas);
        add(verb, braced(path), operation);
      }
    }
  }
  for (const route of routes) {
    add(route.method, braced(route.path), rawOperation(route));
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Hansa',
      version,
      description: 'The HTTP road of one node, derived from its contracts.',
    },
    security: [{ bearer: [] }, { basic: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The owner token.' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: 'Any user name; the token as password.',
        },
      },
    },
  };
}

const errorReport: JsonSchema = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string', enum: Object.keys(errorCodes) },
    message: { type: 'string' },
    fix: { type: 'string' },
    reportedBy: { type: 'string' },
    facts: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  },
};
const errorReference: JsonSchema = { $ref: '#/components/schemas/ErrorReport' };

const health: JsonSchema = {
  operationId: 'health',
  summary: 'Whether the node answers; the one route without a token.',
  security: [],
  responses: {
    200: {
      description: 'It answers.',
      content: json({
        type: 'object',
        required: ['status', 'version'],
        properties: { status: { const: 'ok' }, version: { type: 'string' } },
      }),
    },
  },
};

function contractOperation(
  one: { contract: AnyContract; method: string; promise: Promised },
  schemas: Components,
): JsonSchema {
  const { contract, method, promise } = one;
  const { verb, path } = splitRoute(promise.route ?? '');
  const name = `${contract.name}.${method}`;
  const input = hoisted(inputSchema(promise), `${name}.input`, schemas);
  const output = hoisted(
    z.toJSONSchema(promise.output, { io: 'output', unrepresentable: 'any' }),
    `${name}.output`,
    schemas,
  );
  const inPath = new Set(parameterNames(path));
  const hasBody = verb === 'POST' || verb === 'PUT';
  const fields = [...propertiesOf(input)];
  const required = new Set(requiredOf(input));
  const parameters = fields
    .filter(([field]) => inPath.has(field) || !hasBody)
    .map(([field, schema]) => ({
      name: field,
      in: inPath.has(field) ? 'path' : 'query',
      required: inPath.has(field) || required.has(field),
      schema,
    }));
  return {
    operationId: name,
    tags: [contract.name],
    summary: promise.summary,
    'x-permission': promise.permission,
    parameters,
    ...(hasBody && fields.some(([field]) => !inPath.has(field))
      ? { requestBody: { required: true, content: json(without(input, inPath)) } }
      : {}),
    responses: { ...success(promise, output), ...failures([...promise.errors, ...commonErrors]) },
  };
}

function success(promise: Promised, output: JsonSchema): JsonSchema {
  if (promise.watch === true) {
    const lines = [
      ['item', output],
      ['end', { const: true }],
      ['error', errorReference],
    ] as const;
    const schema = {
      oneOf: lines.map(([key, value]) => ({
        type: 'object',
        required: [key],
        properties: { [key]: value },
      })),
    };
    const description = 'One JSON text per line; the last is an end or an error.';
    return { 200: { description, content: { 'application/x-ndjson': { schema } } } };
  }
  return promise.output.safeParse(undefined).success
    ? { 204: { description: 'Done.' } }
    : { 200: { description: 'The answer.', content: json(output) } };
}

function failures(codes: readonly ErrorCode[]): Record<string, unknown> {
  const byStatus = new Map<number, string[]>();
  for (const code of new Set(codes)) {
    const { status, meaning }: ErrorCodeEntry = errorCodes[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `${code}: ${meaning}`]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, meanings]) => [
      status,
      { description: meanings.join('; '), content: json(errorReference) },
    ]),
  );
}

function rawOperation(route: HttpRoute): JsonSchema {
  const bytes = { '*/*': { schema: {} } };
  return {
    operationId: `${route.method} ${route.path}`,
    summary: route.summary,
    'x-permission': route.permission,
    parameters: parameterNames(route.path).map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(route.method === 'POST' || route.method === 'PUT'
      ? { requestBody: { content: bytes } }
      : {}),
    responses: {
      200: { description: 'Bytes.', content: bytes },
      ...failures(['UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'INTERNAL']),
    },
  };
}

const restOfPath = 'rest';

function braced(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', `{${restOfPath}}`);
}

function parameterNames(path: string): string[] {
  const named = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
  return path.endsWith('*') ? [...named, restOfPath] : named;
}

function json(schema: JsonSchema): JsonSchema {
  return { 'application/json': { schema } };
}

function requiredOf(schema: JsonSchema): string[] {
  const { required } = schema;
  return Array.isArray(required) ? required.map(String) : [];
}

function without(schema: JsonSchema, names: ReadonlySet<string>): JsonSchema {
  const { properties } = schema;
  if (names.size === 0 || typeof properties !== 'object' || properties === null) {
    return schema;
  }
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !names.has(name))),
    required: requiredOf(schema).filter((name) => !names.has(name)),
  };
}

/**
 * The schema with its own definitions moved among the document's components: inside a document, `#`
 * is the document and no longer the schema.
 */
function hoisted(schema: JsonSchema, name: string, schemas: Components): JsonSchema {
  const { $schema: _dialect, $defs: definitions = {}, ...root } = schema;
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      return value.map(moved);
    }
    if (typeof value !== 'object' || value === null) {
      return value;
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) =>
        key === '$ref' && typeof inner === 'string'
          ? [key, target(inner, name)]
          : [key, moved(inner)],
      ),
    );
  };
  for (const [key, definition] of Object.entries(Object(definitions))) {
    schemas[`${name}.${key}`] = moved(definition);
  }
  const result = Object.fromEntries(
    Object.entries(root).map(([key, value]) => [key, moved(value)]),
  );
  if (JSON.stringify(result).includes(`"${target('#', name)}"`)) {
    schemas[name] = result;
  }
  return result;
}

function target(reference: string, name: string): string {
  const component = reference === '#' ? name : reference.replace('#/$defs/', `${name}.`);
  return `#/components/schemas/${component}`;
}
