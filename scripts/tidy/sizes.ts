// How large a room, a function and a line may be.
import type { Node } from 'oxc-parser';
import { isTest } from './floors.ts';
import { walk, type CodeFile, type House } from './house.ts';

export const fileLinesMax = 400; // a room that needs a table of contents is two rooms
export const functionLinesMax = 70; // what fits on a screen
export const lineColumnsMax = 100; // two files side by side

export function fileBreaches(house: House): string[] {
  const breaches: string[] = [];
  for (const { path, text } of house.code) {
    const lines = text.trimEnd().split('\n').length;
    if (lines > fileLinesMax) {
      breaches.push(
        `${path}:1 has ${lines} lines; ${fileLinesMax} is the wall: make two rooms of it`,
      );
    }
  }
  return breaches;
}

export function columnBreaches(house: House): string[] {
  return house.code.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, row) => {
      const wide = line.length > lineColumnsMax && !isWhole(path, line);
      const sentence = `is ${line.length} columns wide, over ${lineColumnsMax}`;
      return wide ? [`${path}:${row + 1} ${sentence}`] : [];
    }),
  );
}

/** An address cannot be broken, and the formatter keeps the title of a test on one line. */
function isWhole(path: string, line: string): boolean {
  return line.includes('://') || (isTest(path) && /^\s*(?:describe|it|test)\b.*\('/.test(line));
}

export function functionBreaches(house: House): string[] {
  return house.code.flatMap(longFunctions);
}

function longFunctions(file: CodeFile): string[] {
  const breaches: string[] = [];
  const mayTest = isTest(file.path) || file.path.startsWith('testkit/');
  walk(file.program, (node, parent) => {
    if (!isFunction(node)) {
      return;
    }
    const first = file.lineAt(node.start);
    const lines = file.lineAt(node.end) - first + 1;
    if (lines <= functionLinesMax || (mayTest && holdsTests(node, parent))) {
      return;
    }
    const name = `${file.path}:${first} holds a function`;
    breaches.push(`${name} of ${lines} lines; ${functionLinesMax} is the wall: name its parts`);
  });
  return breaches;
}

function isFunction(node: Node): boolean {
  return ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'].includes(
    node.type,
  );
}

/** The body of a test, of a group of tests, or a suite that makes some. */
function holdsTests(node: Node, parent: Node | undefined): boolean {
  if (parent !== undefined && isTestCall(parent)) {
    return true;
  }
  let found = false;
  walk(node, (inner) => {
    found ||= isTestCall(inner);
  });
  return found;
}

const testWords: readonly string[] = ['describe', 'it', 'test'];

/** `it(…)`, `describe.skipIf(…)(…)`, `it.each([…])(…)`. */
function isTestCall(node: Node): boolean {
  if (node.type !== 'CallExpression') {
    return false;
  }
  let callee: Node = node.callee;
  while (callee.type === 'CallExpression' || callee.type === 'MemberExpression') {
    callee = callee.type === 'CallExpression' ? callee.callee : callee.object;
  }
  return callee.type === 'Identifier' && testWords.includes(callee.name);
}
