// The reference page of one capability, made of its contracts and limits.
import type { AnyContract } from '../../foundation/contract.ts';
import type { Limit } from './limits.ts';
import { shapeOf, type JsonSchema } from './shape.ts';

export interface ContractSource {
  readonly capability: string;
  readonly contracts: readonly AnyContract[];
  readonly limits: readonly Limit[];
}

type AnyMethod = AnyContract['methods'][string];

export function contractPage({ capability, contracts, limits }: ContractSource): string {
  return [
    `# ${capability}`,
    '',
    `Made from \`capabilities/${capability}/contract.ts\` by \`npm run docs\`; edit that instead.`,
    '',
    ...contracts.flatMap(contractSection),
    ...limitSection(limits),
  ].join('\n');
}

function contractSection(contract: AnyContract): string[] {
  const audience = isForPeers(contract)
    ? `For linked clusters, over the wire, as ${contract.traffic ?? 'state'} traffic.`
    : 'For people and programs of this cluster.';
  return [
    `## ${contract.name}`,
    '',
    `Version ${contract.version}. ${audience}`,
    '',
    ...Object.entries(contract.methods).flatMap(([name, method]) =>
      methodSection(`${contract.name}.${name}`, method),
    ),
  ];
}

function isForPeers(contract: AnyContract): boolean {
  return Object.values(contract.methods).every(({ permission }) => permission === 'peer');
}

function methodSection(name: string, method: AnyMethod): string[] {
  const answer = method.watch === true ? 'Gives, again and again' : 'Gives';
  return [
    `### ${name}`,
    '',
    method.summary,
    '',
    `* Permission: \`${method.permission}\``,
    ...(method.route === undefined ? [] : [`* Route: \`${method.route}\``]),
    ...shown('Takes', shapeOfSchema(method.input, 'input')),
    ...shown(answer, shapeOfSchema(method.output, 'output')),
    ...(method.errors.length === 0 ? [] : [`* Errors: ${method.errors.map(linked).join(', ')}`]),
    '',
  ];
}

function shown(label: string, shape: string): string[] {
  const lines = shape.trimStart().split('\n');
  return lines.length === 1
    ? [`* ${label}: \`${shape}\``]
    : [`* ${label}:`, '', '  ```ts', ...lines.map((line) => `  ${line}`), '  ```', ''];
}

function shapeOfSchema(schema: AnyMethod['input'], io: 'input' | 'output'): string {
  // Through text: the library's own type is that of every JSON Schema ever written.
  const text = JSON.stringify(schema.toJSONSchema({ unrepresentable: 'any', io, cycles: 'ref' }));
  const json: JsonSchema = JSON.parse(text);
  return shapeOf(json);
}

function linked(code: string): string {
  return `[${code}](errors.md#${code.toLowerCase()})`;
}

function limitSection(limits: readonly Limit[]): string[] {
  if (limits.length === 0) {
    return [];
  }
  const rows = limits.map(
    ({ name, value, reason }) => `| \`${name}\` | ${value.toLocaleString('en')} | ${reason} |`,
  );
  return ['## Limits', '', '| name | value | why |', '|---|---:|---|', ...rows, ''];
}
