// Roles that every cluster has from the first day, and that nobody changes. Pure.
import type { RoleDefinition } from './uses.ts';

/** Whoever has it may do everything, whatever a later version adds. */
export const ownerRole = 'owner';

// What is worked with, as opposed to what runs the cluster.
const content = [
  'apps',
  'catalog',
  'document',
  'forge',
  'greeting',
  'kv',
  'lanes',
  'namespaces',
  'signal',
  'stream',
];
// What runs the cluster and its links.
const running = [
  'apps',
  'daemon',
  'discovery',
  'doctor',
  'forge',
  'kinds',
  'lanes',
  'links',
  'metrics',
  'policies',
  'quarantine',
  'receipts',
  'recovery',
  'resources',
  'router',
  'signal-peers',
  'sync',
  'tracing',
  'trust',
];
// Who is let in, and to what.
const people = ['access', 'certificates', 'directory', 'logins', 'tokens'];

const readable = [...content, 'daemon', 'links', 'resources', 'sync', 'tracing'];

function reads(contracts: readonly string[]): readonly string[] {
  return contracts.map((contract) => `api:${contract}.read`);
}

function writes(contracts: readonly string[]): readonly string[] {
  return contracts.map((contract) => `api:${contract}.write`);
}

function role(name: string, description: string, scopes: readonly string[]): RoleDefinition {
  return { role: name, description, scopes: [...new Set(scopes)].toSorted() };
}

export const builtInRoles: readonly RoleDefinition[] = [
  role('admin', 'All but the cluster’s own keys, its recovery, and the pruning of its audit.', [
    'api:*.read',
    ...writes([...content, ...running.filter((name) => name !== 'recovery'), ...people]),
    '*:*:**',
    'app:*',
  ]),
  role('auditor', 'Reads everything that tells who may and who did; changes nothing.', [
    'api:*.read',
    'see:*:**',
  ]),
  role('editor', 'Reads and writes content: repositories, spaces, documents, streams.', [
    ...reads(readable),
    ...writes(content.filter((name) => name !== 'apps')),
    'see:*:**',
    'pull:*:**',
    'push:*:**',
    'app:*',
  ]),
  role('operator', 'Runs the cluster and its links; neither people nor what they may.', [
    ...reads([...running, ...content, 'audit', 'certificates', 'identity', 'sealing']),
    ...writes(running.filter((name) => name !== 'recovery' && name !== 'trust')),
    'see:*:**',
    'pull:*:**',
  ]),
  role(ownerRole, 'Everything: what the owner token of the data folder opens.', [
    'api:*',
    '*:*:**',
    'app:*',
  ]),
  role('viewer', 'Reads content, and changes nothing.', [
    ...reads(readable),
    'see:*:**',
    'pull:*:**',
  ]),
];

const byName: ReadonlyMap<string, RoleDefinition> = new Map(
  builtInRoles.map((each) => [each.role, each]),
);

export function builtInRole(name: string): RoleDefinition | undefined {
  return byName.get(name);
}
