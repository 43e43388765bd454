// What a file of code imports and where that leads: a file of this repository, node itself, or a
// package.
import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import type { EcmaScriptModule } from 'oxc-parser';

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
  readonly to:
    | { readonly kind: 'house'; readonly path: string }
    | { readonly kind: 'node' }
    | { readonly kind: 'package'; readonly name: string };
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly module: EcmaScriptModule;
  /** The folder of every package of this repository, by name. */
  readonly folders: ReadonlyMap<string, string>;
  lineAt(offset: number): number;
}

export function importsOf(source: Source): Import[] {
  const { path, text, module, folders, lineAt } = source;
  const found: Import[] = [];
  const add = (
    specifier: string,
    at: number,
    how: { typeOnly: boolean; dynamic: boolean },
  ): void => {
    const to = targetOf(path, specifier, folders);
    found.push({ specifier, line: lineAt(at), ...how, to });
  };
  for (const { moduleRequest, entries, start } of module.staticImports) {
    const typeOnly = entries.length > 0 && entries.every(({ isType }) => isType);
    add(moduleRequest.value, start, { typeOnly, dynamic: false });
  }
  for (const { entries, start } of module.staticExports) {
    const from = entries.find(({ moduleRequest }) => moduleRequest !== null)?.moduleRequest;
    if (from !== undefined && from !== null) {
      add(from.value, start, { typeOnly: entries.every((one) => one.isType), dynamic: false });
    }
  }
  for (const { moduleRequest, start } of module.dynamicImports) {
    const literal = /^(['"`])([^'"`$]+)\1$/.exec(
      text.slice(moduleRequest.start, moduleRequest.end),
    );
    if (literal?.[2] !== undefined) {
      add(literal[2], start, { typeOnly: false, dynamic: true });
    }
  }
  return found;
}

function targetOf(
  from: string,
  specifier: string,
  folders: ReadonlyMap<string, string>,
): Import['to'] {
  if (specifier.startsWith('.')) {
    return { kind: 'house', path: posix.normalize(posix.join(posix.dirname(from), specifier)) };
  }
  if (isBuiltin(specifier)) {
    return { kind: 'node' };
  }
  const [first = '', second = ''] = specifier.split('/');
  const name = specifier.startsWith('@') ? `${first}/${second}` : first;
  const folder = folders.get(name);
  if (folder === undefined) {
    return { kind: 'package', name };
  }
  const room = specifier.slice(name.length + 1);
  return { kind: 'house', path: `${folder}/${room === '' ? 'index' : room}.ts` };
}
