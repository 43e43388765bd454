// Who may pass on what, handed out before it can be decided: access asks the directory who somebody
// is, and the directory asks access whether a role may be given.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { HansaError, type Caller } from '@hansa/foundation';

type Granting = Pick<AccessControl, 'requireChanges' | 'requireGrantable'>;

/** Until `set`, the owner alone gives anything to anybody. */
export function lateAccess(): Granting & { set(access: Granting): void } {
  let real: Granting | undefined;
  return {
    set(access) {
      real = access;
    },
    requireGrantable(caller, scopes) {
      (real ?? theOwner).requireGrantable(caller, scopes);
    },
    requireChanges(caller, changes) {
      (real ?? theOwner).requireChanges(caller, changes);
    },
  };
}

const theOwner: Granting = { requireGrantable: requireOwner, requireChanges: requireOwner };

function requireOwner(caller: Caller | undefined): void {
  if (caller !== undefined && caller.kind !== 'owner') {
    throw new HansaError('FORBIDDEN', 'the owner alone gives roles here');
  }
}
