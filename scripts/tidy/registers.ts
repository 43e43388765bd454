// Words that stand in a register: error codes, and the names of tables in a store.
import type { Node } from 'oxc-parser';
import { isTest } from './floors.ts';
import { walk, type CodeFile, type House } from './house.ts';

const register = 'foundation/error-codes.ts';
const registers: readonly string[] = [register, 'foundation/error-codes-access.ts'];

/** Codes that no shipped file names. */
export function unusedCodes(house: House, codes: readonly string[]): string[] {
  const unused = new Set(codes);
  for (const file of house.code) {
    if (registers.includes(file.path) || isTest(file.path) || file.path.startsWith('scripts/')) {
      continue;
    }
    walk(file.program, (node) => {
      if (node.type === 'Literal' && typeof node.value === 'string') {
        unused.delete(node.value);
      }
    });
  }
  return [...unused];
}

// Environment names begin like some of our codes do.
const foreignWord = /^(?:NODE|GIT)_|^HANSA_/;

/** Comments and documents that speak of a code nobody registered. */
export function codeBreaches(house: House, codes: readonly string[]): string[] {
  const known = new Set(codes);
  const families = new Set(codes.filter((code) => code.includes('_')).map(familyOf));
  const strangers = (text: string): string[] =>
    [...text.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)]
      .map(([word]) => word)
      .filter(
        (word) => families.has(familyOf(word)) && !known.has(word) && !foreignWord.test(word),
      );
  const inCode = house.code.flatMap((file) =>
    file.comments.flatMap(({ value, start }) =>
      strangers(value).map((word) => `${file.path}:${file.lineAt(start)} ${unregistered(word)}`),
    ),
  );
  const inDocuments = house.documents.flatMap(({ path, text }) =>
    strangers(text).map((word) => `${path}:1 ${unregistered(word)}`),
  );
  return [...inCode, ...inDocuments];
}

function unregistered(word: string): string {
  return `speaks of ${word}, which is not in ${register}`;
}

function familyOf(code: string): string {
  return code.slice(0, code.indexOf('_'));
}

/** Two tables of one capability under one name would read each other's records. */
export function tableBreaches(house: House): string[] {
  const breaches: string[] = [];
  const seen = new Map<string, string>();
  for (const file of house.code) {
    const capability = /^capabilities\/([^/]+)\//.exec(file.path)?.[1];
    if (capability === undefined || isTest(file.path)) {
      continue;
    }
    for (const { name, at } of tablesOf(file)) {
      const other = seen.get(`${capability}/${name}`);
      if (other !== undefined) {
        breaches.push(`${at} calls a table "${name}", as ${other} does`);
      }
      seen.set(`${capability}/${name}`, at);
    }
  }
  return breaches;
}

function tablesOf(file: CodeFile): { name: string; at: string }[] {
  const found: { name: string; at: string }[] = [];
  walk(file.program, (node) => {
    if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') {
      return;
    }
    const [needs] = node.arguments;
    const name = needs === undefined ? undefined : nameIn(needs);
    if (/^(?:watched)?table$/i.test(node.callee.name) && name !== undefined) {
      found.push({ name, at: `${file.path}:${file.lineAt(node.start)}` });
    }
  });
  return found;
}

/** The text of `name` in an object literal. */
function nameIn(node: Node): string | undefined {
  if (node.type !== 'ObjectExpression') {
    return undefined;
  }
  for (const property of node.properties) {
    if (property.type !== 'Property' || property.key.type !== 'Identifier') {
      continue;
    }
    const { key, value } = property;
    if (key.name === 'name' && value.type === 'Literal' && typeof value.value === 'string') {
      return value.value;
    }
  }
  return undefined;
}
