// Every named bound of the product, wherever it stands, with its reason: what the page of limits is
// made of, and what its test holds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
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
const arithmetic = /^[\d_\s.*+()/-]+$/;
const sources = ['foundation', 'drivers', 'capabilities', 'node', 'client', 'cli'];

export function boundsIn(root: string): readonly Bound[] {
  const files = globSync(
    sources.map((folder) => `${folder}/**/*.ts`),
    { cwd: root, ignore: ['**/dist/**', '**/node_modules/**', '**/*.{test,suite,sim.test}.ts'] },
  );
  return files
    .sort()
    .flatMap((file) => boundsOf(file, readFileSync(join(root, file), 'utf8')))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
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
    if (!boundName.test(name) || init === undefined || init === null || !isNumber(init.type)) {
      return [];
    }
    const value = shownValue(text.slice(init.start, init.end));
    return [{ name, value, reason: reasonOf(text, statement.end), file, exported }];
  });
}

function isNumber(type: string): boolean {
  return ['Literal', 'BinaryExpression', 'Identifier', 'UnaryExpression'].includes(type);
}

function shownValue(expression: string): string {
  if (!arithmetic.test(expression)) {
    return expression.replace(/\s+/g, ' ');
  }
  // Digits and operators only, from our own sources.
  const value: unknown = new Function(`return ${expression};`)();
  return typeof value === 'number' ? value.toLocaleString('en') : expression;
}

export function boundsPage(bounds: readonly Bound[]): string {
  const rows = bounds.map(
    ({ name, value, reason, file }) => `| \`${name}\` | ${value} | ${reason} | \`${file}\` |`,
  );
  return [
    '# Limits',
    '',
    'Every named bound of the product, made from the sources by `npm run docs`. Names say the unit: `…Ms` milliseconds,',
    '`…BytesMax` bytes, others things. Crossing one is an error with a code, never a silent cut; the pages of the',
    'capabilities say which.',
    '',
    '| name | value | why | where |',
    '|---|---:|---|---|',
    ...rows,
    '',
  ].join('\n');
}
