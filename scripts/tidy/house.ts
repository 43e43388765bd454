// The repository as the tidy rules see it: parsed code, documents, packages. A rule is a pure
// function from a house to sentences, one per breach, so that every rule can be tried on a house of
// three lines.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, type Comment, type Node, type Program } from 'oxc-parser';
import { globSync } from 'tinyglobby';
import { importsOf, type Import } from './imports.ts';

export interface CodeFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Program;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
  /** The line, from 1, that an offset of the text lies in. */
  lineAt(offset: number): number;
}

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface PackageFile {
  readonly path: string;
  /** `drivers/store-lmdb`; empty for the root. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** What its shipped files may import. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** Every kind of dependency, overrides included. */
  readonly versions: readonly (readonly [name: string, version: string])[];
}

export interface House {
  readonly code: readonly CodeFile[];
  readonly documents: readonly TextFile[];
  readonly packages: readonly PackageFile[];
  /** Every text file, whatever it is. */
  readonly texts: readonly TextFile[];
}

/** One sentence per breach, beginning with `path:line`. */
export type Rule = (house: House) => string[];

const outside = ['**/node_modules/**', '**/dist/**', '.git/**', '.hansa/**', 'coverage/**'];
const readable = [
  '**/*.{ts,tsx,mts,mjs,js,cjs,json,md,yml,yaml,html,css,sh}',
  '.npmrc',
  '.ci/*',
  'LICENSE',
];

export function readHouse(root: string): House {
  const paths = globSync(readable, { cwd: root, ignore: outside, dot: true, onlyFiles: true });
  const texts = new Map<string, string>();
  for (const path of paths.sort()) {
    texts.set(path, readFileSync(join(root, path), 'utf8'));
  }
  return houseOf(texts);
}

export function houseOf(texts: ReadonlyMap<string, string>): House {
  const files = [...texts].map(([path, text]) => ({ path, text }));
  const packages = files.filter(({ path }) => isNamed(path, 'package.json')).map(packageOf);
  const folders = new Map(packages.map(({ name, folder }) => [name, folder]));
  return {
    code: files
      .filter(({ path }) => /\.(?:ts|tsx|mts|mjs|js|cjs)$/.test(path))
      .filter(({ path }) => !path.includes('__snapshots__/'))
      .map((file) => codeOf(file, folders)),
    documents: files.filter(({ path }) => path.endsWith('.md')),
    packages,
    texts: files,
  };
}

function isNamed(path: string, name: string): boolean {
  return path === name || path.endsWith(`/${name}`);
}

function codeOf({ path, text }: TextFile, folders: ReadonlyMap<string, string>): CodeFile {
  const parsed = parseSync(path, text);
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    starts.push(at + 1);
  }
  const lineAt = (offset: number): number => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low + 1;
  };
  const imports = importsOf({ path, text, module: parsed.module, folders, lineAt });
  return { path, text, program: parsed.program, comments: parsed.comments, imports, lineAt };
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly overrides?: Record<string, string>;
}

function packageOf({ path, text }: TextFile): PackageFile {
  const manifest: Manifest = JSON.parse(text);
  const shipped = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
  };
  const every = { ...shipped, ...manifest.devDependencies, ...manifest.overrides };
  return {
    path,
    folder: path === 'package.json' ? '' : path.slice(0, -'/package.json'.length),
    name: manifest.name ?? '',
    version: manifest.version ?? '',
    dependencies: shipped,
    versions: Object.entries(every),
  };
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'start' in value
  );
}

/** Visits a node, then what is inside it; `parent` is undefined for the first. */
export function walk(node: Node, visit: (node: Node, parent?: Node) => void, parent?: Node): void {
  visit(node, parent);
  for (const value of Object.values(node)) {
    const children: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const child of children) {
      if (isNode(child)) {
        walk(child, visit, node);
      }
    }
  }
}
