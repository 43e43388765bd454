// What the wire of each peer contract was in each of its versions, as one hash: whoever changes a
// shape without raising the version is told so by a test.
import { blake3 } from '@noble/hashes/blake3.js';
import type { AnyContract } from '../../foundation/contract.ts';
import { schemaJson, type AnyMethod } from './schema-json.ts';

export interface RecordedVersion {
  readonly version: number;
  readonly hash: string;
  /** A cluster somewhere speaks it: it is never recorded again. */
  readonly released?: boolean;
}

/** By contract name, the oldest version first. */
export type Recorded = Readonly<Record<string, readonly RecordedVersion[]>>;

/** Of everything that a peer could notice: summaries and names of types are not among it. */
export function shapeHash(contract: AnyContract): string {
  const { name, since, traffic = 'state', methods } = contract;
  const shape = {
    name,
    since,
    traffic,
    methods: Object.fromEntries(
      Object.entries(methods).map(([method, promise]) => [method, methodShape(promise)]),
    ),
  };
  const text = JSON.stringify(canonical(shape));
  return Buffer.from(blake3(Buffer.from(text))).toString('hex');
}

function methodShape({ watch, since, input, output, errors }: AnyMethod): object {
  return {
    watch: watch === true,
    since,
    input: schemaJson(input, 'input'),
    output: schemaJson(output, 'output'),
    errors: [...errors].sort(),
  };
}

// Lists whose order says nothing.
const unordered = new Set(['required', 'enum']);

function canonical(value: unknown, field = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item));
    return unordered.has(field)
      ? items.toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const fields = Object.entries(value)
    .filter(([name]) => name !== '$schema')
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, item]) => [name, canonical(item, name)]));
}

/** What is recorded, and a line for every present version that is not yet. */
export function recordedWith(recorded: Recorded, contracts: readonly AnyContract[]): Recorded {
  const names = new Set([...Object.keys(recorded), ...contracts.map(({ name }) => name)]);
  const present = new Map(contracts.map((contract) => [contract.name, contract]));
  return Object.fromEntries(
    [...names].sort().map((name) => {
      const before = recorded[name] ?? [];
      const contract = present.get(name);
      if (contract === undefined || before.some(({ version }) => version === contract.version)) {
        return [name, before];
      }
      return [name, [...before, { version: contract.version, hash: shapeHash(contract) }]];
    }),
  );
}

/** Forgets the versions that no cluster speaks yet: their shapes may still move. */
export function withoutUnreleased(recorded: Recorded): Recorded {
  return Object.fromEntries(
    Object.entries(recorded).map(([name, versions]) => [
      name,
      versions.filter(({ released }) => released === true),
    ]),
  );
}

/** One sentence for every contract whose wire is not what is recorded for its version. */
export function movedContracts(recorded: Recorded, contracts: readonly AnyContract[]): string[] {
  return contracts.flatMap((contract) => {
    const { name, version } = contract;
    const known = recorded[name]?.find((one) => one.version === version);
    if (known === undefined) {
      return [`version ${version} of ${name} is not recorded: npm run docs`];
    }
    return known.hash === shapeHash(contract)
      ? []
      : [
          `the wire of ${name} moved without a version: ` +
            'raise version, mark new methods with since, then npm run docs ' +
            '(while the version is unreleased: npm run docs -- --again)',
        ];
  });
}
