// Fields of what somebody else wrote: each is looked at once, and what does not fit is named by
// its place.
import { Problem } from './problem.ts';

/** A JSON object, and where in its file it stands. */
export interface Node {
  readonly at: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function node(value: unknown, at: string): Node {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Problem(`${at} is not an object`);
  }
  return { at, fields: { ...value } };
}

function field({ fields }: Node, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

export function has(from: Node, name: string): boolean {
  return field(from, name) !== undefined;
}

export function inner(from: Node, name: string): Node {
  return node(field(from, name), `${from.at}.${name}`);
}

export function nodes(from: Node, name: string): readonly Node[] {
  return list(from, name).map((each, index) => node(each, `${from.at}.${name}[${index}]`));
}

export function list(from: Node, name: string): readonly unknown[] {
  const value = field(from, name);
  if (!Array.isArray(value)) {
    throw new Problem(`${from.at}.${name} is not a list`);
  }
  return value;
}

export function text(from: Node, name: string): string {
  const value = field(from, name);
  if (typeof value !== 'string') {
    throw new Problem(`${from.at}.${name} is not a text`);
  }
  return value;
}

export function whole(from: Node, name: string): number {
  return wholeNumber(field(from, name), `${from.at}.${name}`);
}

function wholeNumber(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Problem(`${at} is not a whole number from 0 to 2^53-1`);
  }
  return value;
}

const hexPattern = /^(?:[0-9a-f]{2})*$/;

/** Bytes, written in hex. */
export function bytes(from: Node, name: string, length?: number): Buffer {
  const hex = text(from, name);
  if (!hexPattern.test(hex) || (length !== undefined && hex.length !== 2 * length)) {
    const size = length === undefined ? '' : ` of ${length} bytes`;
    throw new Problem(`${from.at}.${name} is not lower-case hex${size}`);
  }
  return Buffer.from(hex, 'hex');
}

/** A key or hash that is a name as well: 64 lower-case hex digits. */
export function id(from: Node, name: string): string {
  return bytes(from, name, 32).toString('hex');
}

const resourcePattern = /^[0-9a-f]{64}:[a-z][a-z0-9-]{0,31}\/.+$/;

export interface ResourceName {
  readonly resource: string;
  readonly owner: string;
}

export function resource(from: Node): ResourceName {
  const named = text(from, 'resource');
  if (!resourcePattern.test(named)) {
    throw new Problem(`${from.at}.resource is not "<owner>:<kind>/<name>"`);
  }
  return { resource: named, owner: named.slice(0, 64) };
}

export type Hlc = readonly [wallMs: number, counter: number];

export function hlc(from: Node): Hlc {
  const [wall, counter, ...more] = list(from, 'hlc');
  const at = `${from.at}.hlc`;
  if (more.length > 0) {
    throw new Problem(`${at} has more than two numbers`);
  }
  return [wholeNumber(wall, at), wholeNumber(counter, at)];
}
