// What the rest of the node asks a directory, in process: who is known, in which groups, with which
// roles. Nothing here is secret: passwords and sessions belong to logins.
import type { ClusterId, FederatedId, Principal } from '@hansa/foundation';

/** A role that somebody was given, and by what. */
export interface RoleGrant {
  readonly role: string;
  /** The user or service itself, or the group of its home: `group:ops`. */
  readonly by: string;
  /** Only there; in every cluster that maps it where absent. */
  readonly cluster?: ClusterId | undefined;
}

export interface Account {
  /** With its home where that is another cluster. */
  readonly principal: Principal;
  readonly displayName?: string | undefined;
  readonly email?: string | undefined;
  /** When it was made, by its home's clock: what was made for the name before is not its. */
  readonly sinceMs?: number | undefined;
  /** Known, and let in nowhere. */
  readonly disabled: boolean;
  /** Of its home, by name. */
  readonly groups: readonly string[];
  /** Its own, and those of its groups; as its home names them. */
  readonly roles: readonly RoleGrant[];
  /** Clusters besides its home that tokens may be made for; none where empty. */
  readonly clusters: readonly ClusterId[];
  /** Where it stands. */
  readonly directory: FederatedId;
}

export interface RoleDefinition {
  readonly role: string;
  readonly description?: string | undefined;
  readonly scopes: readonly string[];
}

/** Own directories and mirrors of others': what was applied last counts, whoever is away. */
export interface Directories {
  /** Undefined where nobody of that name is known, or no longer. */
  find(principal: Principal): Account | undefined;
  /** Roles that this cluster defines, those that are built in among them. */
  role(role: string): RoleDefinition | undefined;
  roles(): readonly RoleDefinition[];
  /** Everybody who is known, of every directory that counts here: who may, and whose change. */
  accounts(): readonly Account[];
  /** Rises with every change of what is answered here. */
  readonly generation: number;
  subscribe(changed: () => void): () => void;
}
