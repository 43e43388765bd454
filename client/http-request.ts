// A call as an HTTP request: the contract's route, filled in with the input.
import { HansaError, type AnyContract } from '@hansa/foundation';

export interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** Must match the node's name for it; the road's own test holds the two together. */
const wholeInputParameter = 'json';

export function httpCall(contract: AnyContract, method: string, input: unknown): HttpCall {
  const name = `${contract.name}.${method}`;
  const route = contract.methods[method]?.route;
  if (route === undefined) {
    throw new HansaError('METHOD_UNKNOWN', `${name} is not offered over HTTP`);
  }
  const [verb = '', pattern = ''] = route.split(' ');
  const hasBody = verb === 'POST' || verb === 'PUT';
  if (!isRecord(input)) {
    return bareCall({ name, verb, pattern, hasBody }, input);
  }
  const rest: Record<string, unknown> = { ...input };
  const path = pattern.replace(/:(\w+)/g, (_whole, field: string) => {
    const value = rest[field];
    delete rest[field];
    return pathPart(name, field, value);
  });
  return hasBody
    ? { method: verb, path, body: JSON.stringify(rest) }
    : { method: verb, path: path + query(rest) };
}

function bareCall(
  at: { name: string; verb: string; pattern: string; hasBody: boolean },
  input: unknown,
): HttpCall {
  if (input === undefined && !at.pattern.includes(':')) {
    return { method: at.verb, path: at.pattern };
  }
  if (!at.hasBody || at.pattern.includes(':')) {
    throw new HansaError('INPUT_INVALID', `${at.name}: the input is not an object`);
  }
  return { method: at.verb, path: at.pattern, body: JSON.stringify(input) };
}

function pathPart(name: string, field: string, value: unknown): string {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  // "." and ".." survive escaping and would be taken for a way through the path.
  if (text === '' || text === '.' || text === '..') {
    throw new HansaError('INPUT_INVALID', `${name}: "${field}" cannot be part of a path`);
  }
  return encodeURIComponent(text);
}

// As one JSON text: flat parameters are for people, and cannot tell "7" from 7.
function query(fields: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(fields);
  return text === '{}' ? '' : `?${wholeInputParameter}=${encodeURIComponent(text)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
