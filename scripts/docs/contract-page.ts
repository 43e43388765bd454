// The reference page of one capability, made of its contracts and limits.
import type { AnyContract } from '../../foundation/contract.ts';
import { isForPeers, type ContractSource } from './contracts.ts';
import type { Limit } from './limits.ts';
import { schemaJson, type AnyMethod } from './schema-json.ts';
import { shapeOf } from './shape.ts';

export function contractPage({ capability, rooms, contracts, limits }: ContractSource): string {
  const made = rooms.map((room) => `\`${room}\``).join(' and ');
  return [
    `# ${capability}`,
    '',
    `Made from ${made} by \`npm run docs\`; edit that instead.`,
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

function methodSection(name: string, method: AnyMethod): string[] {
  const answer = method.watch === true ? 'Gives, again and again' : 'Gives';
  return [
    `### ${name}`,
    '',
    method.summary,
    '',
    `* Permission: \`${method.permission}\``,
    ...(method.since === undefined ? [] : [`* Since version ${method.since}`]),
    ...(method.route === undefined ? [] : [`* Route: \`${method.route}\``]),
    ...shown('Takes', shapeOf(schemaJson(method.input, 'input'))),
    ...shown(answer, shapeOf(schemaJson(method.output, 'output'))),
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
