// From a command's output to text: tables and records for people, JSON and YAML for programs.
import type { CommandOutput, CommandView } from '@hansa/foundation';
import Table from 'cli-table3';
import { createColors } from 'picocolors';
import { stringify } from 'yaml';

export type OutputFormat = 'table' | 'json' | 'yaml';

export interface Palette {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly cyan: (text: string) => string;
}

export function palette(colours: boolean): Palette {
  return createColors(colours);
}

/** With a line feed at its end; empty where there is nothing to show. */
export function render(output: CommandOutput, format: OutputFormat, colours: Palette): string {
  if (format === 'json') {
    return `${JSON.stringify(output.data, undefined, output.asLine === true ? 0 : 2)}\n`;
  }
  if (format === 'yaml') {
    return stringify(output.data);
  }
  const next = (output.next ?? []).map((line) => colours.dim(`next: ${line}`));
  const shown = renderView(output.view, colours);
  const lines = [shown, ...next].filter((part) => part !== '');
  // A program that ran meanwhile has said what there is to say.
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function renderView(view: CommandView, colours: Palette): string {
  switch (view.kind) {
    case 'text':
      return safeText(view.text);
    case 'record':
      return renderRecord(view.fields, colours);
    case 'table':
      return view.rows.length === 0 ? view.empty : renderTable(view.columns, view.rows, colours);
    case 'stack':
      return view.views
        .map((each) => renderView(each, colours))
        .filter((text) => text !== '')
        .join('\n\n');
  }
}

function renderRecord(fields: readonly (readonly [string, string])[], colours: Palette): string {
  const width = Math.max(0, ...fields.map(([label]) => label.length));
  return fields
    .map(([label, value]) => `${colours.bold(label.padEnd(width))}  ${safeText(value)}`)
    .join('\n');
}

function renderTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  colours: Palette,
): string {
  const table = new Table({
    head: columns.map((column) => colours.bold(column)),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: noBorders,
  });
  table.push(...rows.map((row) => row.map(safeText)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

// Names and descriptions come from other clusters: what a terminal would obey is shown instead.
function safeText(text: string): string {
  return text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g,
    (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}
