// The contracts of every capability: what people call stands in its `contract.ts`, what other
// clusters call in its `wire.ts`.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { globSync } from 'tinyglobby';
import type { AnyContract } from '../../foundation/contract.ts';
import { limitsOf, type Limit } from './limits.ts';

export interface ContractSource {
  readonly capability: string;
  /** The files that all of it stands in. */
  readonly rooms: readonly string[];
  readonly contracts: readonly AnyContract[];
  readonly limits: readonly Limit[];
}

/** In the order of their names, each with what its two rooms hold. */
export async function contractSources(root: string): Promise<readonly ContractSource[]> {
  const found = globSync('capabilities/*/contract.ts', { cwd: root });
  return Promise.all(
    found.sort().map(async (path) => {
      const folder = dirname(path);
      const rooms = ['contract.ts', 'wire.ts']
        .map((room) => join(folder, room))
        .filter((room) => existsSync(join(root, room)));
      const read = await Promise.all(rooms.map((room) => readRoom(join(root, room))));
      return {
        capability: basename(folder),
        rooms: rooms.map((room) => room.replaceAll('\\', '/')),
        contracts: read.flatMap(({ contracts }) => contracts),
        limits: read.flatMap(({ limits }) => limits),
      };
    }),
  );
}

/** What linked clusters may call, by name. */
export async function peerContracts(root: string): Promise<readonly AnyContract[]> {
  const sources = await contractSources(root);
  return sources
    .flatMap(({ contracts }) => contracts)
    .filter(isForPeers)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function isForPeers({ methods }: AnyContract): boolean {
  return Object.values(methods).every(({ permission }) => permission === 'peer');
}

async function readRoom(file: string): Promise<Pick<ContractSource, 'contracts' | 'limits'>> {
  const exported: Record<string, unknown> = await import(pathToFileURL(file).href);
  // By name: how a loader orders what a module exports is its own affair.
  const values = Object.entries(exported).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const numbers = new Map(
    values.flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : [])),
  );
  return {
    contracts: values.map(([, value]) => value).filter(isContract),
    limits: limitsOf(readFileSync(file, 'utf8'), numbers),
  };
}

function isContract(value: unknown): value is AnyContract {
  return typeof value === 'object' && value !== null && 'methods' in value && 'version' in value;
}
