// Comments as paragraphs: which lines of a file belong to one, and the same words within the page's
// width.
import { parseSync } from 'oxc-parser';

const columnsMax = 100; // as the formatter's printWidth

interface Paragraph {
  /** Indexes of the first line and of the one after the last. */
  readonly first: number;
  readonly end: number;
  /** What every line begins with: `  // ` or `   * `. */
  readonly prefix: string;
  readonly words: readonly string[];
}

export function wrapComments(path: string, text: string): string {
  return wrapParagraphs(path, openBlocks(moveReasonsUp(path, text)));
}

function isWide(line: string): boolean {
  return line.length > columnsMax && !line.includes('://');
}

/** A reason beside a statement that makes its line too wide stands above it instead. */
function moveReasonsUp(path: string, text: string): string {
  const lines = text.split('\n');
  const besides = new Map<number, number>();
  for (const { type, start } of parseSync(path, text).comments) {
    const row = text.slice(0, start).split('\n').length - 1;
    const column = start - (text.lastIndexOf('\n', start - 1) + 1);
    const line = lines[row] ?? '';
    if (type === 'Line' && isWide(line) && line.slice(0, column).trim() !== '') {
      besides.set(row, column);
    }
  }
  return lines
    .flatMap((line, row) => {
      const column = besides.get(row);
      const indent = /^ */.exec(line)?.[0] ?? '';
      return column === undefined
        ? [line]
        : [`${indent}${line.slice(column)}`, line.slice(0, column).trimEnd()];
    })
    .join('\n');
}

/** A doc comment on one line becomes a block when it is too wide. */
function openBlocks(text: string): string {
  return text
    .split('\n')
    .map((line) =>
      isWide(line) ? line.replace(/^( *)\/\*\* (\S.*) \*\/$/, '$1/**\n$1 * $2\n$1 */') : line,
    )
    .join('\n');
}

function wrapParagraphs(path: string, text: string): string {
  const lines = text.split('\n');
  const wide = paragraphsOf(path, text)
    .filter(({ first, end }) => lines.slice(first, end).some(isWide))
    .reverse();
  for (const paragraph of wide) {
    lines.splice(paragraph.first, paragraph.end - paragraph.first, ...wrapped(paragraph));
  }
  return lines.join('\n');
}

function wrapped({ prefix, words }: Paragraph): string[] {
  const lines: string[] = [];
  let line = prefix.trimEnd();
  for (const word of words) {
    if (line.length + 1 + word.length > columnsMax && line !== prefix.trimEnd()) {
      lines.push(line);
      line = prefix.trimEnd();
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

function paragraphsOf(path: string, text: string): Paragraph[] {
  const rows = new Map<number, 'Line' | 'Block'>();
  for (const { type, start, end } of parseSync(path, text).comments) {
    const first = text.slice(0, start).split('\n').length - 1;
    const last = text.slice(0, end).split('\n').length - 1;
    for (let row = first; row <= last; row += 1) {
      rows.set(row, type);
    }
  }
  return join(text.split('\n').map((line, row) => lineOf(line, row, rows.get(row))));
}

interface CommentLine {
  readonly row: number;
  readonly prefix: string;
  readonly words: readonly string[];
  /** Begins an item or a tag: it is not joined to the line above. */
  readonly starts: boolean;
}

function lineOf(line: string, row: number, type?: 'Line' | 'Block'): CommentLine | undefined {
  const pattern = type === 'Line' ? /^( *\/\/ )(\S.*)$/ : /^( *\* )(\S.*)$/;
  const [, prefix, content] = (type === undefined ? null : pattern.exec(line)) ?? [];
  if (prefix === undefined || content === undefined || isForTools(content)) {
    return undefined;
  }
  const starts = /^(?:[-*@|`]|\d+\.|NOTE|TODO)/.test(content);
  return { row, prefix, words: content.split(/ +/), starts };
}

/** A directive keeps its line, and so does the end of a block. */
function isForTools(content: string): boolean {
  return /^(?:oxlint-|@ts-)|\*\/$/.test(content);
}

function join(lines: readonly (CommentLine | undefined)[]): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  let last: Paragraph | undefined;
  for (const line of lines) {
    if (line === undefined) {
      last = undefined;
      continue;
    }
    const { row, prefix, words, starts } = line;
    if (last !== undefined && !starts && last.prefix === prefix) {
      paragraphs.pop();
      last = { ...last, end: row + 1, words: [...last.words, ...words] };
    } else {
      last = { first: row, end: row + 1, prefix, words };
    }
    paragraphs.push(last);
  }
  return paragraphs;
}
