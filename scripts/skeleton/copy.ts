// A new capability is a copy of the smallest one, renamed. Its name is one lower-case word, because
// it becomes a folder, a permission, a route, a noun of the command line and a prefix of
// identifiers.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const example = 'greeting';
const namePattern = /^[a-z]{3,24}$/;

/**
 * Copies and renames; gives the new files' paths from the root. Throws a sentence on a bad name.
 */
export function copyCapability(root: string, name: string): string[] {
  const folder = `capabilities/${name}`;
  if (!namePattern.test(name)) {
    throw new Error(`"${name}" is not a name: one word of 3 to 24 lower-case letters`);
  }
  if (existsSync(join(root, folder))) {
    throw new Error(`"${name}" is taken: ${folder} exists`);
  }
  if (!existsSync(join(root, 'capabilities', example))) {
    throw new Error(`capabilities/${example}, which is copied, is not there`);
  }
  cpSync(join(root, 'capabilities', example), join(root, folder), { recursive: true });
  const paths = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return paths.map((path) => renameFile(path, name).slice(root.length).replace(/^\//, '')).sort();
}

function renameFile(path: string, name: string): string {
  writeFileSync(path, renamed(readFileSync(path, 'utf8'), name));
  const cut = path.lastIndexOf('/') + 1;
  const target = path.slice(0, cut) + renamed(path.slice(cut), name);
  renameSync(path, target);
  return target;
}

/** Every form of the example's name: `greeting`, `Greeting`, `GREETING`, and their plurals. */
export function renamed(text: string, name: string): string {
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  // A name that is a plural already (`links`) does not get a second s.
  const plural = name.endsWith('s') ? name : `${name}s`;
  const forms: readonly (readonly [string, string])[] = [
    [`${example}s`, plural],
    [capital(`${example}s`), capital(plural)],
    [`${example}s`.toUpperCase(), plural.toUpperCase()],
    [example, name],
    [capital(example), capital(name)],
    [example.toUpperCase(), name.toUpperCase()],
  ];
  return forms.reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

export function checklist(name: string): string {
  const folder = `capabilities/${name}`;
  const steps = [
    `${folder}/contract.ts  the promise in domain words, then the table; limits with reasons`,
    `${folder}/keys.ts  what is stored under which key (delete it where nothing is)`,
    `${folder}/service.ts  the decisions; ask for the least that will do`,
    `${folder}/*.suite.ts  sentences of the specification, run on every road`,
    `${folder}/cli.ts and page.ts  what people see`,
    `${folder}/capability.ts  ties the rooms`,
    `${folder}/README.md  what it promises, its states, limits and failure modes`,
    'node/capabilities.ts and cli/commands.ts  one line each, in alphabetical order',
    'npm run docs  makes the reference page',
    `changes/${name}.md  one sentence for the changelog`,
  ];
  return steps.map((step, index) => `${String(index + 1).padStart(3)}. ${step}`).join('\n');
}
