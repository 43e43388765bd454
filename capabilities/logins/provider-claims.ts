// What a provider says about somebody, as words of this cluster: a name, and groups.
import { accountNameSchema } from '@hansa/foundation';
import type { OidcIdentity } from './oidc.ts';
import type { NewUser } from './people.ts';
import type { Provider } from './providers.ts';

const claimedGroupsMax = 1_000; // of one person; what comes behind them is not looked at
const groupLengthMax = 256; // of a name; longer ones nobody has mapped
const mailable = /^[^\s@"(),:;<>[\\\]]{1,64}@[A-Za-z0-9.-]{1,180}$/;
const shownLengthMax = 128; // of a name that is printed

/** Only groups that an operator has mapped are joined, or left. */
export function mappedGroups(
  { groupsClaim, groups }: Provider,
  { claims }: OidcIdentity,
): { readonly join: readonly string[]; readonly leave: readonly string[] } {
  const claimed = new Set(textsOf(claims[groupsClaim]));
  const mapped = Object.entries(groups);
  const join = new Set(mapped.filter(([theirs]) => claimed.has(theirs)).map(([, ours]) => ours));
  const leave = new Set(mapped.map(([, ours]) => ours).filter((ours) => !join.has(ours)));
  return { join: [...join], leave: [...leave] };
}

/** Undefined where nothing that the provider says can be a name here. */
export function newUserOf(
  { role }: Provider,
  { username, email, emailVerified, displayName }: OidcIdentity,
): Omit<NewUser, 'groups'> | undefined {
  const wanted = username ?? email;
  const name = wanted?.replace(/@.*$/, '').toLowerCase();
  if (name === undefined || !accountNameSchema.safeParse(name).success) {
    return undefined;
  }
  const called = displayName?.replaceAll(/\p{C}/gu, '').slice(0, shownLengthMax);
  return {
    name,
    ...(called === undefined || called === '' ? {} : { displayName: called }),
    ...(email === undefined || !emailVerified || !mailable.test(email) ? {} : { email }),
    roles: role === undefined ? [] : [role],
  };
}

function textsOf(claim: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return list
    .slice(0, claimedGroupsMax)
    .filter((each): each is string => typeof each === 'string' && each.length <= groupLengthMax);
}
