// Every generated reference page, by its path: what `npm run docs` writes and what the test
// compares.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { globSync } from 'tinyglobby';
import type { AnyContract } from '../../foundation/contract.ts';
import { errorCodes } from '../../foundation/error-codes.ts';
import { contractPage } from './contract-page.ts';
import { errorPage } from './error-page.ts';
import { limitsOf } from './limits.ts';

const folder = 'docs/reference';
const errorPagePath = `${folder}/errors.md`;

export async function makePages(root: string): Promise<Map<string, string>> {
  const pages = new Map([[errorPagePath, errorPage(errorCodes)]]);
  const found = globSync('capabilities/*/contract.ts', { cwd: root });
  for (const path of found.sort()) {
    const capability = basename(dirname(path));
    pages.set(`${folder}/${capability}.md`, await pageOf(join(root, path), capability));
  }
  return pages;
}

async function pageOf(file: string, capability: string): Promise<string> {
  const exported: Record<string, unknown> = await import(pathToFileURL(file).href);
  const values = Object.entries(exported);
  const numbers = new Map(
    values.flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
  );
  return contractPage({
    capability,
    contracts: values.map(([, value]) => value).filter(isContract),
    limits: limitsOf(readFileSync(file, 'utf8'), numbers),
  });
}

function isContract(value: unknown): value is AnyContract {
  return typeof value === 'object' && value !== null && 'methods' in value && 'version' in value;
}

/** Pages that are not, or not any more, what the generator makes. */
export function stalePages(root: string, pages: ReadonlyMap<string, string>): string[] {
  return [...pages].flatMap(([path, text]) => {
    const file = join(root, path);
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [path];
  });
}
