// Whom an act of the directory is about, as the audit tells it: `user:ben`, `service:ci`,
// `group:ops`, `role:viewer to user:ben`. Texts as they were asked for; nothing here throws.
import type { Assignment, Membership } from './asked.ts';
import type { PartyType } from './spelling.ts';

export const about = {
  user: ({ user }: { readonly user: string }): string => typed('user', user),
  service: ({ service }: { readonly service: string }): string => typed('service', service),
  group: ({ group }: { readonly group: string }): string => typed('group', group),
  role: ({ role }: { readonly role: string }): string => `role:${role}`,
  membership: ({ group, member }: Membership): string =>
    `${typed('user', member)} in ${typed('group', group)}`,
  assignment: ({ role, to, cluster }: Assignment): string =>
    `role:${role} to ${typed('user', to)}${cluster === undefined ? '' : ` at ${cluster}`}`,
};

/** People leave the type out where it is plain; the audit is searched for one spelling. */
function typed(type: PartyType, spelled: string): string {
  return /^(?:user|service|group):/.test(spelled) ? spelled : `${type}:${spelled}`;
}
