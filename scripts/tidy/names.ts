// Names on doors, what a door lets through, and the tags a comment may carry.
import { posix } from 'node:path';
import type { CodeFile, House } from './house.ts';

const bannedNames: ReadonlySet<string> = new Set([
  'util',
  'utils',
  'helper',
  'helpers',
  'common',
  'type',
  'types',
  'misc',
  'shared',
]);

const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
// What every repository calls so: `README.md`, `STYLE.md`.
const capitals = /^[A-Z]+\.md$/;

export function nameBreaches(house: House): string[] {
  const paths = [...house.code, ...house.documents].map(({ path }) => path);
  return [...new Set(paths.flatMap(nameBreachesOf))];
}

function nameBreachesOf(path: string): string[] {
  const folders = posix.dirname(path).split('/');
  const file = posix.basename(path);
  const words = file.split('.').slice(0, -1);
  const breaches: string[] = [];
  for (const folder of folders.filter((name) => !name.startsWith('.'))) {
    if (!kebab.test(folder)) {
      breaches.push(`${path}:1 lies in "${folder}", which is not kebab-case`);
    }
  }
  if (!capitals.test(file) && !words.every((word) => kebab.test(word))) {
    breaches.push(`${path}:1 is not named in kebab-case`);
  }
  const banned = [...folders, words[0] ?? ''].find((name) => bannedNames.has(name));
  if (banned !== undefined) {
    breaches.push(`${path}:1 is called "${banned}", which says nothing: name what one finds there`);
  }
  return breaches;
}

export function exportBreaches(house: House): string[] {
  return house.code.flatMap((file) => [
    ...openDoors(file),
    ...(posix.basename(file.path) === 'index.ts' ? crowdedDoors(file) : []),
  ]);
}

function openDoors(file: CodeFile): string[] {
  const breaches: string[] = [];
  const isConfig = /\.config\.[a-z]+$/.test(file.path);
  for (const statement of file.program.body) {
    const at = `${file.path}:${file.lineAt(statement.start)}`;
    if (statement.type === 'ExportAllDeclaration') {
      breaches.push(`${at} exports "*": name every guest`);
    }
    if (statement.type === 'ExportDefaultDeclaration' && !isConfig) {
      breaches.push(`${at} has a default export: give it its name`);
    }
  }
  return breaches;
}

/** The door names its guests and does nothing else. */
function crowdedDoors(file: CodeFile): string[] {
  return file.program.body
    .filter((one) => !(one.type === 'ExportNamedDeclaration' && one.source !== null))
    .filter((one) => one.type !== 'ExportAllDeclaration')
    .map((one) => `${file.path}:${file.lineAt(one.start)} is more than a named re-export`);
}

const looseTag = /\b(?:TODO(?!\(#\d+\))|FIXME|XXX|HACK)\b/;

export function tagBreaches(house: House): string[] {
  return house.code.flatMap((file) =>
    file.comments
      .filter(({ value }) => looseTag.test(value))
      .map(({ start }) => `${file.path}:${file.lineAt(start)} has a tag other than TODO(#number)`),
  );
}
