// What a token says where nobody says what: all of the API that whom it speaks for may use, in as
// few scopes as there are. Pure.
import { HansaError, scopeContains, readScope, type Scope } from '@hansa/foundation';
import { tokenScopesMax } from './contract.ts';

const whole = 'api:*';

/** INPUT_INVALID where they do not fit a token. */
export function narrowed(scopes: 'all' | readonly string[]): readonly string[] {
  const api = scopes === 'all' ? [] : scopes.filter((scope) => scope.startsWith('api:'));
  // Who may nothing here may have roles elsewhere: what a token says is never more than a ceiling.
  if (api.length === 0) {
    return [whole];
  }
  const read = withoutContained(paired(api));
  if (read.length > tokenScopesMax) {
    throw new HansaError('INPUT_INVALID', `all that is allowed makes ${read.length} scopes`, {
      fix: `name at most ${tokenScopesMax}: --cap`,
      facts: { tokenScopesMax },
    });
  }
  return read;
}

/** `read` and `write` of one thing are `*` of it. */
function paired(scopes: readonly string[]): readonly string[] {
  const all = new Set(scopes);
  return scopes.map((scope) => {
    const [, contract, action, name = ''] = /^api:([^.]+)\.(read|write)(:.+)?$/.exec(scope) ?? [];
    const other = action === 'read' ? 'write' : 'read';
    return contract !== undefined && all.has(`api:${contract}.${other}${name}`)
      ? `api:${contract}.*${name}`
      : scope;
  });
}

function withoutContained(scopes: readonly string[]): readonly string[] {
  const distinct = [...new Set(scopes)];
  const read = distinct.map((text) => readScope(text));
  return distinct.filter(
    (_, at) =>
      !read.some(
        (outer, other) =>
          // Of two that say the same the first stays.
          covers(outer, read[at]) && (other < at || !covers(read[at], outer)),
      ),
  );
}

function covers(outer: Scope | undefined, inner: Scope | undefined): boolean {
  return outer !== undefined && inner !== undefined && scopeContains(outer, inner);
}
