// A resource of one kind as people spell it: `<name>` is our own, `<peer>:<name>` a mirror. For the
// services that read it and the commands that write it.
import { HansaError } from './errors.ts';
import {
  federatedId,
  federatedIdSchema,
  localId,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
} from './ids.ts';

export interface SpellingNeeds {
  readonly signer: { readonly cluster: ClusterId };
  /** Knows the names of peers; takes `<peer>:<kind>/<name>` and federated ids. */
  readonly mirrors: { resolve(spelled: string): FederatedId };
}

/** `<name>`, `<peer>:<name>`, `<peer>:<kind>/<name>` or a federated id. */
export function resolveSpelled(
  { signer, mirrors }: SpellingNeeds,
  kind: string,
  spelled: string,
): FederatedId {
  const colon = spelled.indexOf(':');
  const name = withoutKind(kind, spelled.slice(colon + 1));
  if (colon < 0) {
    return federatedId(signer.cluster, localId(kind, name));
  }
  const whole = federatedIdSchema.safeParse(spelled);
  return whole.success && splitFederatedId(whole.data).owner === signer.cluster
    ? whole.data
    : mirrors.resolve(`${spelled.slice(0, colon)}:${kind}/${name}`);
}

/**
 * As roles are bound to it, whether it is there or not: what `resolveSpelled` would make of it,
 * by its text alone.
 */
export function targetSpelled(kind: string, spelled: string): string {
  const colon = spelled.indexOf(':');
  return `${spelled.slice(0, colon + 1)}${kind}/${withoutKind(kind, spelled.slice(colon + 1))}`;
}

export function withoutKind(kind: string, name: string): string {
  const prefix = `${kind}/`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** Of this kind alone a name is spelled without its kind. */
const bareKind = 'git';

interface Named {
  readonly kind: string;
  readonly name: string;
}

/** As it means the same wherever it is typed back. */
export function nameWithKind({ kind, name }: Named): string {
  return kind === bareKind && !name.includes('/') ? name : `${kind}/${name}`;
}

/**
 * What a spelling means of what there is: first what is spelled exactly so, then the only one of
 * that name, whatever its kind. INPUT_INVALID where it could be several.
 */
export function chosenSpelled<T extends Named>(
  found: readonly T[],
  spelled: string,
): T | undefined {
  const named = found.filter(({ name }) => name === spelled);
  const [only, another] = named;
  const exact =
    found.find(({ kind, name }) => `${kind}/${name}` === spelled) ??
    named.find((each) => nameWithKind(each) === spelled);
  if (exact === undefined && another !== undefined) {
    const all = named.map(nameWithKind).join(', ');
    throw new HansaError('INPUT_INVALID', `"${spelled}" could be ${all}`, {
      fix: 'write <kind>/<name>',
    });
  }
  return exact ?? only;
}

export interface Ownership {
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  readonly name: string;
}

/** As every command takes it. */
export function spelledResource({ role, ownerName, name }: Ownership): string {
  return role === 'own' ? name : `${ownerName}:${name}`;
}

/** RESOURCE_READ_ONLY for a mirror, before anybody is asked whether it shall be deleted. */
export function requireOwn(shown: Ownership, kind: string): void {
  if (shown.role === 'mirror') {
    const { ownerName, name } = shown;
    const spelled = spelledResource(shown);
    throw new HansaError('RESOURCE_READ_ONLY', `${spelled} is a mirror of another cluster’s`, {
      fix: `to give the copy up: hansa mirror remove ${ownerName}:${kind}/${name}`,
    });
  }
}
