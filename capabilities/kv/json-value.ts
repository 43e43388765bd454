// JSON as data: what is one, how deep it may nest, and the one spelling that equal values share.

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

export type JsonMap = { readonly [key: string]: JsonValue };

export const jsonDepthMax = 64; // as deep as anything sent nests; far below the end of the stack

/** Undefined where it is no JSON, or nests deeper than `jsonDepthMax`. */
export function asJson(value: unknown): JsonValue | undefined {
  return isJson(value, jsonDepthMax) ? value : undefined;
}

export function parseJson(text: string): JsonValue | undefined {
  try {
    return asJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function isJson(value: unknown, depthLeft: number): value is JsonValue {
  if (typeof value === 'number') {
    return Number.isFinite(value);
  }
  if (typeof value !== 'object') {
    return typeof value === 'string' || typeof value === 'boolean';
  }
  if (value === null) {
    return true;
  }
  if (depthLeft === 0) {
    return false;
  }
  const members = Array.isArray(value)
    ? value
    : isPlain(value)
      ? Object.values(value)
      : [undefined];
  return members.every((each) => isJson(each, depthLeft - 1));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

export function isJsonMap(value: JsonValue | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !isJsonList(value);
}

// Array.isArray does not narrow readonly lists.
export function isJsonList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The spelling of RFC 8785: names in the order of their UTF-16 units, and no white space. */
export function canonicalJson(value: JsonValue): string {
  if (isJsonList(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  if (isJsonMap(value)) {
    const members = Object.keys(value)
      .toSorted()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}
