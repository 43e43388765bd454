// Every named bound of the product, wherever it stands, with its reason: what the page of limits is
// made of, and what its test holds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, type Node } from 'oxc-parser';
import { globSync } from 'tinyglobby';
import { reasonOf } from './limits.ts';

export interface Bound {
  readonly name: string;
  /** As it is written, or computed where it is arithmetic on numbers. */
  readonly value: string;
  readonly reason: string;
  readonly file: string;
  readonly exported: boolean;
}

const boundName = /(?:Max|Min|Ms|Seconds)$/;
// Lengths of time to count in, not bounds.
const units: ReadonlySet<string> = new Set(['secondMs', 'minuteMs', 'hourMs', 'dayMs']);
const sources = ['foundation', 'drivers', 'capabilities', 'node', 'client', 'cli', 'verify'];

export function boundsIn(root: string): readonly Bound[] {
  const files = globSync(
    sources.map((folder) => `${folder}/**/*.ts`),
    { cwd: root, ignore: ['**/dist/**', '**/node_modules/**', '**/*.{test,suite,sim.test}.ts'] },
  );
  return files
    .sort()
    .flatMap((file) => boundsOf(file, readFileSync(join(root, file), 'utf8')))
    .toSorted((a, b) => compare(a, b));
}

// Two rooms may name a bound of theirs alike; the page must not depend on how they were found.
function compare(a: Bound, b: Bound): number {
  const [one, other] = [`${a.name} ${a.file}`, `${b.name} ${b.file}`];
  return one < other ? -1 : 1;
}

/** The top-level numbers of one module whose names end as bounds do. */
export function boundsOf(file: string, text: string): readonly Bound[] {
  return parseSync(file, text).program.body.flatMap((statement) => {
    const exported = statement.type === 'ExportNamedDeclaration';
    const declaration = exported ? statement.declaration : statement;
    if (declaration?.type !== 'VariableDeclaration') {
      return [];
    }
    const [variable] = declaration.declarations;
    const name = variable?.id.type === 'Identifier' ? variable.id.name : '';
    const { init } = variable ?? {};
    if (!isBound(name) || !isNumber(init)) {
      return [];
    }
    const written = text.slice(init.start, init.end).replace(/\s+/g, ' ');
    const value = amount(init)?.toLocaleString('en') ?? written;
    return [{ name, value, reason: reasonOf(text, statement.end), file, exported }];
  });
}

function isBound(name: string): boolean {
  return boundName.test(name) && !units.has(name);
}

function isNumber(node: Node | null | undefined): node is Node {
  const types = ['Literal', 'BinaryExpression', 'Identifier', 'UnaryExpression'];
  return node !== null && node !== undefined && types.includes(node.type);
}

/** What arithmetic on numbers comes to; undefined where a name is in it. */
function amount(node: Node): number | undefined {
  if (node.type === 'Literal') {
    return typeof node.value === 'number' ? node.value : undefined;
  }
  if (node.type !== 'BinaryExpression') {
    return undefined;
  }
  const [left, right] = [amount(node.left), amount(node.right)];
  const work = operations[node.operator];
  return left === undefined || right === undefined ? undefined : work?.(left, right);
}

const operations: Readonly<Record<string, (a: number, b: number) => number>> = {
  '*': (a, b) => a * b,
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '/': (a, b) => a / b,
  '**': (a, b) => a ** b,
};

export function boundsPage(bounds: readonly Bound[]): string {
  const rows = bounds.map(
    ({ name, value, reason, file }) => `| \`${name}\` | ${value} | ${reason} | \`${file}\` |`,
  );
  return [
    '# Limits',
    '',
    'Every named bound of the product, made from the sources by `npm run docs`.',
    'Names say the unit: `…Ms` milliseconds, `…BytesMax` bytes, others things.',
    'What a caller sends beyond one is refused with a code; the pages of capabilities name it.',
    '',
    '| name | value | why | where |',
    '|---|---:|---|---|',
    ...rows,
    '',
  ].join('\n');
}
