// Who may import whom: floors, the rooms inside a capability, and what a package has declared.
import type { House, PackageFile } from './house.ts';
import type { Import } from './imports.ts';

type Floor =
  | 'foundation'
  | 'driver'
  | 'capability'
  | 'node'
  | 'client'
  | 'cli'
  | 'console'
  | 'testkit'
  | 'verify'
  | 'free';

interface Place {
  readonly path: string;
  readonly floor: Floor;
  /** `foundation`, `drivers/store-lmdb`, `capabilities/links`: what has a door of its own. */
  readonly unit: string;
  /** The path inside the unit. */
  readonly room: string;
}

const floors: Readonly<Record<string, Floor>> = {
  foundation: 'foundation',
  drivers: 'driver',
  capabilities: 'capability',
  node: 'node',
  client: 'client',
  cli: 'cli',
  console: 'console',
  testkit: 'testkit',
  verify: 'verify',
};

/** Tests and suites may see whatever they test. */
export function isTest(path: string): boolean {
  return /\.(?:test|suite)\.ts$/.test(path);
}

function placeOf(path: string): Place {
  const [first = '', second = ''] = path.split('/');
  const floor = floors[first] ?? 'free';
  const unit = floor === 'driver' || floor === 'capability' ? `${first}/${second}` : first;
  return { path, floor, unit, room: path.slice(unit.length + 1) };
}

/** Says why an import of a file of this repository is not allowed; undefined where it is. */
type Judge = (from: Place, to: Place, how: Import) => string | undefined;

const judges: Readonly<Record<Floor, Judge>> = {
  foundation: (_from, to) =>
    to.floor === 'foundation' ? undefined : 'foundation stands below everything else',
  driver: judgeDriver,
  capability: judgeCapability,
  node: (_from, to, how) => {
    if (to.floor === 'capability') {
      const isDoor = ['capability.ts', 'contract.ts'].includes(to.room);
      return isDoor || how.typeOnly ? undefined : 'node enters a capability by its capability.ts';
    }
    const below: readonly Floor[] = ['node', 'foundation', 'driver'];
    return below.includes(to.floor) ? undefined : 'node sees foundation, drivers and capabilities';
  },
  client: (_from, to) => {
    if (to.floor === 'capability') {
      return to.room === 'contract.ts'
        ? undefined
        : 'client sees only the contract.ts of a capability';
    }
    const below: readonly Floor[] = ['client', 'foundation'];
    return below.includes(to.floor) ? undefined : 'client sees foundation and contracts only';
  },
  cli: judgeSurface('cli'),
  console: judgeSurface('page'),
  testkit: () => undefined,
  verify: (_from, to) =>
    to.floor === 'verify' ? undefined : 'verify shares no code with what it judges',
  free: () => undefined,
};

function judgeDriver(from: Place, to: Place, how: Import): string | undefined {
  if (to.floor === 'driver') {
    return to.unit === from.unit ? undefined : 'drivers do not know each other';
  }
  if (to.floor === 'capability') {
    return how.typeOnly ? undefined : 'a driver takes only types from a capability: import type';
  }
  return to.floor === 'foundation' ? undefined : 'a driver sees foundation only';
}

/** `cli-invite.ts` belongs to `cli.ts`: a room may be split under its own name. */
function roomFamily(room: string): string {
  return /^([a-z]+)(?:-[a-z0-9-]+)?\.ts$/.exec(room)?.[1] ?? '';
}

const edges: readonly string[] = ['wire', 'http', 'cli', 'page'];

function judgeCapability(from: Place, to: Place): string | undefined {
  if (to.floor === 'foundation') {
    return undefined;
  }
  if (to.floor !== 'capability') {
    return 'a capability sees foundation and contracts; the rest is handed in';
  }
  const own = to.unit === from.unit;
  if (!own && to.room !== 'contract.ts') {
    return `the only door of ${to.unit} is its contract.ts`;
  }
  return own ? judgeRoom(from.room, to.room) : judgeNeighbour(from.room);
}

/**
 * Contracts are the shared language: wire.ts may speak of what another capability's contract names,
 * as one capability carries another's things between clusters; and a command may ask two
 * capabilities, since what people want is not cut as contracts are.
 */
function judgeNeighbour(room: string): string | undefined {
  const family = roomFamily(room);
  if (family === 'wire' || family === 'cli') {
    return undefined;
  }
  return edges.includes(family) ? `${family}.ts sees its own contract only` : undefined;
}

function judgeRoom(from: string, to: string): string | undefined {
  const [source, target] = [roomFamily(from), roomFamily(to)];
  if (from === 'capability.ts' || (source === target && source !== 'capability')) {
    return undefined;
  }
  if (edges.includes(source)) {
    return to === 'contract.ts' ? undefined : `${source}.ts sees contract.ts only`;
  }
  if (hiddenRooms(source).includes(target)) {
    return `only capability.ts ties ${to} to other rooms`;
  }
  const isLater = (laterRooms[source] ?? []).includes(target);
  return isLater ? 'the order is contract, keys, service' : undefined;
}

const laterRooms: Readonly<Record<string, readonly string[]>> = {
  contract: ['keys', 'service'],
  keys: ['service'],
};

/** wire.ts is the contract with other clusters: what a service is made of may speak of it. */
function hiddenRooms(source: string): readonly string[] {
  const hidden = ['capability', 'http', 'cli', 'page'];
  return Object.hasOwn(laterRooms, source) ? [...hidden, 'wire'] : hidden;
}

function judgeSurface(room: 'cli' | 'page'): Judge {
  return (from, to, how) => {
    if (to.floor === 'capability') {
      const allowed = ['contract.ts', `${room}.ts`].includes(to.room);
      return allowed ? undefined : `${from.floor} sees a capability's contract.ts and ${room}.ts`;
    }
    if (to.floor === 'node' && room === 'cli') {
      return how.dynamic ? undefined : 'the command line reaches node by a dynamic import only';
    }
    if (to.floor === 'verify' && room === 'cli') {
      return undefined; // hosted, like any program: it knows nothing of the rest
    }
    const below: readonly Floor[] = [from.floor, 'foundation', 'client'];
    return below.includes(to.floor) ? undefined : `${from.floor} sees foundation and client`;
  };
}

const everywhere: readonly Floor[] = ['free', 'testkit'];

export function floorBreaches(house: House): string[] {
  const breaches: string[] = [];
  for (const file of house.code) {
    const from = placeOf(file.path);
    if (isTest(file.path) || everywhere.includes(from.floor)) {
      continue;
    }
    if (from.floor === 'capability' && from.room === '') {
      breaches.push(`${file.path}:1 lies in no capability's folder`);
    }
    const owner = packageHolding(house, file.path);
    for (const one of file.imports) {
      const why = judgeImport(from, one, owner);
      if (why !== undefined) {
        breaches.push(`${file.path}:${one.line} imports ${one.specifier}: ${why}`);
      }
    }
  }
  return breaches;
}

function judgeImport(from: Place, one: Import, owner?: PackageFile): string | undefined {
  if (one.to.kind === 'house') {
    return judgeHouse(from, placeOf(one.to.path), one) ?? judgeDoor(one, one.to.path, owner);
  }
  if (['foundation', 'capability'].includes(from.floor) && one.to.kind === 'node') {
    return `${from.floor} does not touch the outside; a driver does`;
  }
  if (one.to.kind === 'node') {
    return undefined;
  }
  if (['foundation', 'capability'].includes(from.floor) && one.to.name !== 'zod') {
    return `zod is the only outside package of ${from.floor}`;
  }
  if (from.floor === 'verify' && one.to.name !== '@noble/hashes') {
    return 'verify stands on node and @noble/hashes alone';
  }
  return judgeDeclared(one.to.name, owner);
}

function judgeHouse(from: Place, to: Place, one: Import): string | undefined {
  if (to.floor === 'testkit') {
    return 'only tests see testkit';
  }
  return judges[from.floor](from, to, one);
}

function judgeDoor(one: Import, target: string, owner?: PackageFile): string | undefined {
  const within = owner !== undefined && target.startsWith(`${owner.folder}/`);
  if (one.specifier.startsWith('.')) {
    if (!within) {
      return 'a relative path leaves the package; import it by its package name';
    }
    return target === `${owner.folder}/index.ts` ? 'nobody inside uses the front door' : undefined;
  }
  if (within) {
    return 'a package does not import itself by name; use the relative path';
  }
  return judgeDeclared(one.specifier.split('/').slice(0, 2).join('/'), owner);
}

function judgeDeclared(name: string, owner?: PackageFile): string | undefined {
  const declared = owner !== undefined && Object.hasOwn(owner.dependencies, name);
  return declared ? undefined : `${owner?.path ?? 'package.json'} does not declare ${name}`;
}

function packageHolding(house: House, path: string): PackageFile | undefined {
  return house.packages.find(({ folder }) => folder !== '' && path.startsWith(`${folder}/`));
}
