// The limits of a contract: its exported numbers, each with the reason that stands beside it.
import { parseSync } from 'oxc-parser';

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly reason: string;
}

/** `numbers` are the module's exports by name; `text` is where their reasons stand. */
export function limitsOf(text: string, numbers: ReadonlyMap<string, number>): Limit[] {
  const limits: Limit[] = [];
  for (const statement of parseSync('contract.ts', text).program.body) {
    if (statement.type !== 'ExportNamedDeclaration') {
      continue;
    }
    const { declaration } = statement;
    if (declaration?.type !== 'VariableDeclaration') {
      continue;
    }
    const [variable] = declaration.declarations;
    const name = variable?.id.type === 'Identifier' ? variable.id.name : '';
    const value = numbers.get(name);
    if (value !== undefined) {
      limits.push({ name, value, reason: reasonOf(text, statement.end) });
    }
  }
  return limits;
}

/** What stands beside a statement, or in the lines above it. */
export function reasonOf(text: string, offset: number): string {
  const rest = text.slice(offset, text.indexOf('\n', offset));
  const beside = rest.split('//')[1]?.trim();
  return beside ?? reasonAbove(text.slice(0, offset));
}

/** The formatter moves a long reason onto the lines above; what callers read may say it, too. */
function reasonAbove(before: string): string {
  const lines = before.split('\n').slice(0, -1);
  const [, described] = /\/\*\* ?((?:(?!\*\/)[\s\S])*)\*\/$/.exec(lines.join('\n')) ?? [];
  if (described !== undefined) {
    return described.replaceAll(/\s*\n\s*\*\s*/g, ' ').trim();
  }
  const reason: string[] = [];
  for (let line = lines.pop(); line?.startsWith('//'); line = lines.pop()) {
    reason.unshift(line.slice(2).trim());
  }
  return reason.join(' ');
}
