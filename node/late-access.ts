// Who may pass on what, handed out before it can be decided: access asks the directory who somebody
// is, and the directory asks access whether a role may be given.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { HansaError } from '@hansa/foundation';

type Granting = Pick<AccessControl, 'requireGrantable'>;

/** Until `set`, the owner alone gives anything to anybody. */
export function lateAccess(): Granting & { set(access: Granting): void } {
  let real: Granting | undefined;
  return {
    set(access) {
      real = access;
    },
    requireGrantable(caller, scopes) {
      if (real !== undefined) {
        real.requireGrantable(caller, scopes);
      } else if (caller !== undefined && caller.kind !== 'owner') {
        throw new HansaError('FORBIDDEN', 'the owner alone gives roles here');
      }
    },
  };
}
