// A role as one policy: what it permits, to whoever has it.
import type { RolePermit, RolePolicy } from '@hansa/capabilities/access/engine';
import { nameCondition, quoted } from './names.ts';

export function roleText({ role, permits }: RolePolicy): string {
  // A role that permits nothing is a policy that never applies: it can be named like others.
  const conditions = permits.length === 0 ? ['false'] : unboundFirst(permits).map(conditionOf);
  return (
    `permit(principal in Role::${quoted(role)}, action, resource)\n` +
    `when { ${conditions.map((one) => `(${one})`).join(' ||\n  ')} };`
  );
}

/** Where nothing is known of a resource, what looks at none is still decided. */
function unboundFirst(permits: readonly RolePermit[]): readonly RolePermit[] {
  const rank = ({ names }: RolePermit): number => (names === undefined ? 0 : 1);
  return permits.toSorted((a, b) => rank(a) - rank(b));
}

function conditionOf({ contract, action, names }: RolePermit): string {
  const asked = actionCondition(contract, action);
  // What is about all resources has no name, and is nobody's own.
  return names === undefined ? asked : `${asked} && resource.own && ${nameCondition(names)}`;
}

function actionCondition(contract: string, action: string): string {
  if (contract === '*' && action === '*') {
    return 'true';
  }
  const within = contract === '*' || action === '*' ? 'in' : '==';
  return `action ${within} Action::${quoted(`${contract}.${action}`)}`;
}
