// What a token or a role lets somebody do, as text: `pull:git:team-a/*`, `api:kv.read`,
// `api:kv.write:prices/*`, `app:ledger`. Pure: reading a scope, and whether one lies within
// another.
import { HansaError } from './errors.ts';

export const scopeLengthMax = 256; // the longest verb and kind with a whole resource name

export type Scope =
  | {
      readonly form: 'resource';
      readonly verb: string;
      readonly kind: string;
      /** `*` matches within a segment, `**` across. */
      readonly name: string;
    }
  | {
      readonly form: 'api';
      readonly contract: string;
      readonly action: string;
      /** Own resources alone whose names match; of that contract's kind. All where absent. */
      readonly name?: string;
    }
  | { readonly form: 'app'; readonly app: string };

const resourcePattern =
  /^(see|pull|push|\*):(\*|[a-z][a-z0-9-]{0,31}):([A-Za-z0-9_.*-][A-Za-z0-9_./*-]{0,127})$/;
const apiPattern =
  /^api:(\*|[a-z][a-z0-9-]{0,63})\.(\*|read|write)(?::([A-Za-z0-9_.*-][A-Za-z0-9_./*-]{0,127}))?$/;
const appPattern = /^app:(\*|[a-z][a-z0-9-]{0,63})$/;

/** INPUT_INVALID on what is no scope. */
export function parseScope(text: string): Scope {
  const scope = readScope(text);
  if (scope === undefined) {
    throw new HansaError('INPUT_INVALID', `"${text.slice(0, scopeLengthMax)}" is no scope`, {
      fix:
        'write verb:kind:name ("pull:git:team-a/*"), api:permission ("api:kv.read", for some of ' +
        'them "api:kv.read:team-a/*") or app:id',
    });
  }
  return scope;
}

/** Undefined on what is no scope. */
export function readScope(text: string): Scope | undefined {
  if (text.length > scopeLengthMax) {
    return undefined;
  }
  const [, verb, kind, name] = resourcePattern.exec(text) ?? [];
  if (verb !== undefined && kind !== undefined && name !== undefined) {
    return { form: 'resource', verb, kind, name };
  }
  const [, app] = appPattern.exec(text) ?? [];
  return app === undefined ? readApiScope(text) : { form: 'app', app };
}

function readApiScope(text: string): Scope | undefined {
  const [, contract, action, own] = apiPattern.exec(text === 'api:*' ? 'api:*.*' : text) ?? [];
  if (contract === undefined || action === undefined) {
    return undefined;
  }
  return { form: 'api', contract, action, ...(own === undefined ? {} : { name: own }) };
}

/**
 * Whether everything that `inner` covers is covered by `outer`. Never true where it is not so;
 * false for a few pairs of patterns that only a person would see to be within each other.
 */
export function scopeContains(outer: Scope, inner: Scope): boolean {
  if (outer.form === 'resource' && inner.form === 'resource') {
    return (
      wordContains(outer.verb, inner.verb) &&
      wordContains(outer.kind, inner.kind) &&
      patternContains(outer.name, inner.name)
    );
  }
  if (outer.form === 'api' && inner.form === 'api') {
    return (
      wordContains(outer.contract, inner.contract) &&
      wordContains(outer.action, inner.action) &&
      namesContain(outer.name, inner.name)
    );
  }
  return outer.form === 'app' && inner.form === 'app' && wordContains(outer.app, inner.app);
}

/** Whether one of the scopes covers all of `inner`: a union of several is not looked at. */
export function anyContains(scopes: readonly Scope[], inner: Scope): boolean {
  return scopes.some((outer) => scopeContains(outer, inner));
}

/** Without names a scope is about all of them. */
function namesContain(outer: string | undefined, inner: string | undefined): boolean {
  return outer === undefined || (inner !== undefined && patternContains(outer, inner));
}

function wordContains(outer: string, inner: string): boolean {
  return outer === '*' || outer === inner;
}

/**
 * Reads the inner pattern as a text whose stars are letters of their own, and walks the outer one
 * over it: `*` may swallow any letters but "/" and "**", and `**` may swallow all. Since what a
 * star stands for may be split and joined at will, whatever fits here fits for every name. A name
 * without stars is a pattern too, so this is also how a name is matched.
 */
export function patternContains(outer: string, inner: string): boolean {
  const walked = lettersOf(outer);
  let states = reach(walked, new Set([0]));
  for (const letter of lettersOf(inner)) {
    const next = new Set<number>();
    for (const at of states) {
      const here = walked[at];
      if (here !== undefined && swallows(here, letter)) {
        next.add(isStar(here) ? at : at + 1);
      }
    }
    states = reach(walked, next);
  }
  return states.has(walked.length);
}

function lettersOf(pattern: string): readonly string[] {
  return pattern.match(/\*\*|[\s\S]/g) ?? [];
}

function isStar(letter: string): boolean {
  return letter === '*' || letter === '**';
}

function swallows(outer: string, letter: string): boolean {
  if (outer === '**') {
    return true;
  }
  return outer === '*' ? letter !== '/' && letter !== '**' : outer === letter;
}

/** A star may also stand for nothing. */
function reach(walked: readonly string[], states: Set<number>): Set<number> {
  // A set is walked in the order of insertion, what is added on the way included.
  for (const at of states) {
    if (isStar(walked[at] ?? '')) {
      states.add(at + 1);
    }
  }
  return states;
}
