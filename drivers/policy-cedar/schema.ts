// The world as policies see it: who asks, what for, on which resource. A policy that names anything
// else is refused when it is written.
import { quoted } from './names.ts';

/** Groups of permissions: `*.read`, and `kv.*`. */
export function groupsOf(permission: string): readonly string[] {
  const dot = permission.lastIndexOf('.');
  return dot < 0 ? [] : [`${permission.slice(0, dot)}.*`, `*.${permission.slice(dot + 1)}`];
}

export function schemaText(permissions: readonly string[]): string {
  const groups = [...new Set(permissions.flatMap(groupsOf))].toSorted();
  const subject = '{ name: String, home: String, foreign: Bool }';
  return [
    'entity Role;',
    'entity Group;',
    'entity Cluster;',
    `entity User in [Role, Group, Cluster] ${subject};`,
    `entity Service in [Role, Group, Cluster] ${subject};`,
    `entity Workload in [Role, Group, Cluster] ${subject};`,
    `entity Token in [Cluster] ${subject};`,
    'entity Resource { kind: String, name: String, own: Bool, owner: String };',
    ...groups.map((group) => `action ${quoted(group)};`),
    ...permissions.map(actionText),
  ].join('\n');
}

function actionText(permission: string): string {
  const groups = groupsOf(permission).map((group) => `Action::${quoted(group)}`);
  const within = groups.length === 0 ? '' : ` in [${groups.join(', ')}]`;
  return (
    `action ${quoted(permission)}${within} appliesTo ` +
    '{ principal: [User, Service, Workload, Token], resource: [Resource] };'
  );
}
