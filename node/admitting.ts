// People and programs: who is known, how they prove it, what they may, and what is kept of it.
import { accessCapability } from '@hansa/capabilities/access/capability';
import type { AccessControl } from '@hansa/capabilities/access/contract';
import { auditCapability } from '@hansa/capabilities/audit/capability';
import { directoryCapability } from '@hansa/capabilities/directory/capability';
import type { Directories } from '@hansa/capabilities/directory/contract';
import type { KeyBook, Signer } from '@hansa/capabilities/identity/contract';
import type { Peers } from '@hansa/capabilities/links/contract';
import { loginsCapability, type LoginsCapability } from '@hansa/capabilities/logins/capability';
import type { Enforcement } from '@hansa/capabilities/policies/contract';
import type { History, ResourceLog } from '@hansa/capabilities/resources/contract';
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import { scopeStore, type Capability, type KeyValueStore } from '@hansa/foundation';
import { certifying, type Certifying } from './certifying.ts';
import type { CompositionNeeds } from './composition-needs.ts';
import { lateAccess } from './late-access.ts';

export interface AdmittingNeeds extends CompositionNeeds {
  readonly signer: Signer;
  readonly keys: KeyBook;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly history: History;
  readonly enforcement: Enforcement;
  readonly mirrors: Mirrors;
}

export interface Admitting {
  /** In the order of their start. */
  readonly capabilities: readonly Capability[];
  readonly directories: Directories;
  readonly access: AccessControl;
  readonly auditing: ReturnType<typeof auditCapability>;
  readonly certifying: Certifying;
  /** Absent where nobody logs in. */
  readonly logins: LoginsCapability | undefined;
  /** Those that have something to say in the node's status. */
  readonly warning: readonly Pick<ReturnType<typeof auditCapability>, 'warnings'>[];
}

/** Access is about all that the node serves: what that is, is asked when the node runs. */
export function admitting(needs: AdmittingNeeds, served: () => readonly Capability[]): Admitting {
  const scoped = (name: string): { readonly store: KeyValueStore } => ({
    store: scopeStore(needs.store, name),
  });
  const granting = lateAccess();
  const knowing = directoryCapability({
    ...needs,
    ...scoped('directory'),
    requireGrantable: (caller, scopes) => granting.requireGrantable(caller, scopes),
    requireChanges: (caller, changes) => granting.requireChanges(caller, changes),
  });
  const { directories } = knowing;
  const deciding = accessCapability({
    ...needs,
    ...scoped('access'),
    directories,
    served: () => ({
      contracts: served().flatMap((each) => each.serves.map(({ contract }) => contract)),
      routes: served().flatMap((each) => each.routes),
    }),
  });
  const { control: access } = deciding;
  granting.set(access);
  const auditing = auditCapability({
    ...needs,
    ...scoped('audit'),
    intervalMs: needs.syncIntervalMs,
  });
  const { sink: audit } = auditing;
  const certified = certifying({
    ...needs,
    ...scoped('certificates'),
    access: () => access,
    audit,
  });
  const address = needs.facts.api;
  const entering = { ...scoped('logins'), ...knowing, access, audit, address };
  const logins = needs.logins && loginsCapability({ ...needs, ...needs.logins, ...entering });
  return {
    capabilities: [
      knowing.capability,
      deciding.capability,
      auditing.capability,
      ...(logins === undefined ? [] : [logins.capability]),
      ...certified.capabilities,
    ],
    directories,
    access,
    auditing,
    certifying: certified,
    logins,
    warning: [auditing, certified.expiries],
  };
}
