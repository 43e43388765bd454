// The public words of a package as one page: docs/reference/api-<package>.md. `npm run check` fails
// where the built declarations differ from the page, so that no change of the public API goes
// unseen;
// `npm run api` accepts the change.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { extractDts } from 'tsnapi';
import { parseSync } from 'oxc-parser';

const root = fileURLToPath(new URL('..', import.meta.url));
// What strangers build upon. Everything else is private to this repository.
const packages: readonly string[] = ['foundation', 'client'];

const accept = process.argv.includes('--update');
const failures: string[] = [];
for (const name of packages.filter((one) => existsSync(`${root}${one}/index.ts`))) {
  const page = `docs/reference/api-${name}.md`;
  const wanted = await pageOf(name);
  const found = existsSync(root + page) ? readFileSync(root + page, 'utf8') : '';
  if (accept) {
    writeFileSync(root + page, wanted);
  } else if (found !== wanted) {
    failures.push(`the public API of @hansa/${name} is not what ${page} says:`);
    failures.push(...differences(found, wanted));
  }
}
if (failures.length > 0) {
  console.error(failures.join('\n'));
  process.exitCode = 1;
}

async function pageOf(name: string): Promise<string> {
  const folder = `${root}${name}/dist`;
  if (!existsSync(`${folder}/index.d.ts`)) {
    throw new Error(`${name} is not built: npm run build`);
  }
  const door = readFileSync(`${folder}/index.d.ts`, 'utf8');
  const { text, rooms } = importedThenExported(door);
  const sources = new Map(
    rooms.map((room) => {
      const declarations = `${folder}/${room.replace(/\.ts$/, '.d.ts')}`;
      return [room, readFileSync(declarations, 'utf8')];
    }),
  );
  const declarations = await extractDts('index.d.ts', text, {
    chunkSources: sources,
    omitArgumentNames: false,
  });
  return [
    `# The public API of @hansa/${name}`,
    '',
    'Written by `npm run api` from the built declarations; compared by `npm run check`.',
    '',
    '```ts',
    declarations.trim(),
    '```',
    '',
  ].join('\n');
}

/**
 * The extractor follows imports, not re-exports: each of these becomes one of those and an export.
 */
function importedThenExported(door: string): { text: string; rooms: string[] } {
  const rooms: string[] = [];
  let text = '';
  for (const statement of parseSync('index.d.ts', door).program.body) {
    const code = door.slice(statement.start, statement.end);
    if (statement.type === 'ExportNamedDeclaration' && statement.source !== null) {
      const names = code.slice(0, code.lastIndexOf(' from '));
      rooms.push(statement.source.value);
      text += `${code.replace(/^export/, 'import')}\n${names};\n`;
    } else {
      text += `${code}\n`;
    }
  }
  return { text, rooms };
}

function differences(found: string, wanted: string): string[] {
  const [before, after] = [found.split('\n'), wanted.split('\n')];
  const gone = before.filter((line) => !after.includes(line)).map((line) => `  - ${line}`);
  const come = after.filter((line) => !before.includes(line)).map((line) => `  + ${line}`);
  return [...gone, ...come];
}
