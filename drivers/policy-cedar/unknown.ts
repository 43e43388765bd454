// A policy as it is asked about a resource of which nothing is known: whatever looks at the
// resource fails there, and so says that it may apply. Cedar reads from left to right, and what
// comes before is decided as always.
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** It has no attributes, so to read one fails. */
const failing: Expr = { '.': { left: { Var: 'resource' }, attr: 'name' } };

export function ofUnknown(policy: PolicyJson): PolicyJson {
  const { resource, conditions } = policy;
  const names = resource.op === '==' || resource.op === 'in';
  const head = { kind: 'when' as const, body: { '==': { left: failing, right: { Value: '' } } } };
  return {
    ...policy,
    resource: names ? { op: 'All' } : resource,
    conditions: [
      ...(names ? [head] : []),
      ...conditions.map(({ kind, body }) => ({ kind, body: wholly(body) as Expr })),
    ],
  };
}

/** The resource itself, asked for by name or by what it has, is as unknown as its attributes. */
function wholly(part: unknown): unknown {
  if (Array.isArray(part)) {
    return part.map(wholly);
  }
  if (typeof part !== 'object' || part === null) {
    return part;
  }
  if (isResource(part)) {
    return failing;
  }
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [name, readsOf(name, value) ?? wholly(value)]),
  );
}

/** `resource.name` fails by itself. */
function readsOf(name: string, value: unknown): unknown {
  const left: unknown =
    name === '.' && typeof value === 'object' && value !== null && Reflect.get(value, 'left');
  return isResource(left) ? value : undefined;
}

function isResource(part: unknown): boolean {
  return typeof part === 'object' && part !== null && Reflect.get(part, 'Var') === 'resource';
}

/** Whether it says the same of whoever asks. */
export function isForEverybody({ principal, conditions }: PolicyJson): boolean {
  return principal.op === 'All' && !mentions(conditions);
}

function mentions(part: unknown): boolean {
  if (typeof part !== 'object' || part === null) {
    return false;
  }
  return Reflect.get(part, 'Var') === 'principal' || Object.values(part).some(mentions);
}
