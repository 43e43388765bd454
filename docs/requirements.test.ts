// docs/requirements.md promises; this test holds it to its word: every test, file, script and
// command that a row names exists, and every row says what the page's introduction asks of it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';

interface Requirement {
  readonly id: string;
  readonly text: string;
  readonly status: string;
  readonly commands: string;
  readonly evidence: string;
  readonly section: string;
}

interface Listed {
  readonly noun: string;
  readonly verb?: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/requirements.md'), 'utf8');
const prefixes: Readonly<Record<string, string>> = {
  'Aspen federation specification': 'ASF-',
  'Aspen README': 'ASP-',
  'clasp-federation README': 'CLA-',
  'NovaCron federation plan': 'NOV-',
  'BlackRoad federation guide': 'BLK-',
};
const statusPattern = /^(?:done|deviation|later \(part (?:[2-5]|6\+)\))$/;
const filePattern = /^[\w./-]+\.(?:ts|mts|mjs|md|json|yaml)$/;
const requirements = readRequirements();
const done = requirements.filter(({ status }) => status === 'done');

function readRequirements(): Requirement[] {
  const rows: Requirement[] = [];
  let section = '';
  for (const line of page.split('\n')) {
    section = /^## (.+)$/.exec(line)?.[1] ?? section;
    if (line.startsWith('|') && !/^\| id \||^\|[-|]+$/.test(line)) {
      rows.push(readRow(line, section));
    }
  }
  return rows;
}

function readRow(line: string, section: string): Requirement {
  const cells = line.split('|').map((cell) => cell.trim());
  const [before, id, text, status, commands, evidence, after, ...more] = cells;
  if (before !== '' || after !== '' || more.length > 0 || id === undefined || text === undefined) {
    throw new Error(`a row of docs/requirements.md has not five cells: ${line}`);
  }
  return {
    id,
    text,
    status: status ?? '',
    commands: commands ?? '',
    evidence: evidence ?? '',
    section,
  };
}

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

function files(requirement: Requirement): string[] {
  return quoted(requirement.evidence).filter((span) => filePattern.test(span));
}

function offenders(rows: readonly Requirement[], isWrong: (row: Requirement) => boolean): string[] {
  return rows.filter(isWrong).map(({ id, status }) => `${id} (${status})`);
}

function isListed(value: unknown): value is Listed {
  return (
    typeof value === 'object' && value !== null && 'noun' in value && typeof value.noun === 'string'
  );
}

/** Whatever list of commands the command line itself is made of. */
async function listedCommands(): Promise<readonly Listed[]> {
  const path = join(root, 'cli/commands.ts');
  const module: Record<string, unknown> = await import(/* @vite-ignore */ pathToFileURL(path).href);
  return Object.values(module)
    .filter((value) => Array.isArray(value))
    .flat()
    .filter(isListed);
}

describe('every requirement', () => {
  test('has an id of its own', () => {
    const ids = requirements.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
  });

  test('has an id that begins as its document’s ids do', () => {
    const isForeign = ({ id, section }: Requirement): boolean =>
      !/^[A-Z]+-(?:[A-Z]+-)?\d+$/.test(id) || !id.startsWith(prefixes[section] ?? '?');
    expect(offenders(requirements, isForeign)).toEqual([]);
  });

  test('comes from one of the five documents, and each of them has some', () => {
    const sections = new Set(requirements.map(({ section }) => section));
    expect([...sections].toSorted()).toEqual(Object.keys(prefixes).toSorted());
  });

  test('is restated, with a status that the page explains; a later one names its part', () => {
    expect(offenders(requirements, ({ text }) => text === '')).toEqual([]);
    expect(offenders(requirements, ({ status }) => !statusPattern.test(status))).toEqual([]);
  });

  test('names only files that exist', () => {
    const missing = requirements.flatMap((requirement) =>
      files(requirement)
        .filter((file) => !existsSync(join(root, file)))
        .map((file) => `${requirement.id}: ${file}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('a requirement that is done', () => {
  test('names a test', () => {
    const isUntested = (row: Requirement): boolean =>
      !files(row).some((file) => file.endsWith('.test.ts'));
    expect(offenders(done, isUntested)).toEqual([]);
  });

  test('names a command, or says that it has none', () => {
    const isSilent = ({ commands }: Requirement): boolean =>
      commands !== '—' && quoted(commands).length === 0;
    expect(offenders(done, isSilent)).toEqual([]);
  });
});

test('a deviation has a reason in words', () => {
  const isBare = ({ status, evidence }: Requirement): boolean =>
    status === 'deviation' && !/\w+ \w+/.test(evidence.replaceAll(/`[^`]*`/g, ''));
  expect(offenders(requirements, isBare)).toEqual([]);
});

describe('a command', () => {
  let listed: readonly Listed[] = [];
  beforeAll(async () => {
    listed = await listedCommands();
  });

  function exists(line: string): boolean {
    const [program, first, second] = line.split(' ');
    if (program === 'git') {
      return ['clone', 'fetch', 'ls-remote', 'push'].includes(first ?? '');
    }
    if (program === 'npm') {
      const { scripts }: { scripts: Record<string, string> } = JSON.parse(
        readFileSync(join(root, 'package.json'), 'utf8'),
      );
      return Object.hasOwn(scripts, (first === 'run' ? second : first) ?? '');
    }
    const said = line.split(' ').slice(2).join(' ');
    const isNamed = ({ noun, verb }: Listed): boolean =>
      noun === first && (verb === undefined || `${said} `.startsWith(`${verb} `));
    return program === 'hansa' && listed.some(isNamed);
  }

  test('that a row names is one of hansa’s, a script of this repository, or git’s', () => {
    const unknown = requirements.flatMap(({ id, commands }) =>
      quoted(commands)
        .filter((line) => !exists(line))
        .map((line) => `${id}: ${line}`),
    );
    expect(unknown).toEqual([]);
  });
});
