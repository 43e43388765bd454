// Every generated file, by its path: what `npm run docs` writes and what the test compares.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../../foundation/error-codes.ts';
import { boundsIn, boundsPage } from './bounds.ts';
import { recordedWith, withoutUnreleased, type Recorded } from './contract-hashes.ts';
import { contractPage } from './contract-page.ts';
import { contractSources, peerContracts } from './contracts.ts';
import { errorPage } from './error-page.ts';
import { permissionPage } from './permission-page.ts';

const folder = 'docs/reference';
const recordPath = 'protocol/vectors/contracts.json';

export async function makePages(
  root: string,
  options: { readonly again?: boolean } = {},
): Promise<Map<string, string>> {
  const recorded = readRecorded(root);
  const kept = options.again === true ? withoutUnreleased(recorded) : recorded;
  const present = recordedWith(kept, await peerContracts(root));
  const pages = new Map([
    [`${folder}/errors.md`, errorPage(errorCodes)],
    [`${folder}/limits.md`, boundsPage(boundsIn(root))],
    [recordPath, `${JSON.stringify(present, null, 2)}\n`],
  ]);
  const sources = await contractSources(root);
  const contracts = sources.flatMap((source) => source.contracts);
  pages.set(`${folder}/permissions.md`, permissionPage(contracts));
  for (const source of sources) {
    pages.set(`${folder}/${source.capability}.md`, contractPage(source));
  }
  return pages;
}

/** The versions of peer contracts as they were recorded when they were new. */
export function readRecorded(root: string): Recorded {
  const file = join(root, recordPath);
  const recorded: Recorded = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  return recorded;
}

/** Pages that are not, or not any more, what the generator makes. */
export function stalePages(root: string, pages: ReadonlyMap<string, string>): string[] {
  return [...pages].flatMap(([path, text]) => {
    const file = join(root, path);
    return existsSync(file) && readFileSync(file, 'utf8') === text ? [] : [path];
  });
}
