// Who acts, as text that means the same in every cluster: a person, a service account, a workload
// or a cluster. For the edge, the directory and whoever decides what they may do.
import { z } from 'zod';
import { HansaError } from './errors.ts';
import { nameLengthMax, type ClusterId } from './ids.ts';

/**
 * `user:anna`, `service:ci`, `workload:web/1` of this cluster; with `@<cluster id>` behind it of
 * another; `cluster:<cluster id>` is a cluster as such.
 */
export type Principal = string & { readonly brand: 'Principal' };

export const principalKinds = ['user', 'service', 'workload', 'cluster'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

export interface PrincipalParts {
  readonly kind: PrincipalKind;
  readonly name: string;
  /** The cluster that vouches for it; this one where absent. */
  readonly home?: ClusterId;
}

// Mail addresses are no names: "@" parts the name from its home.
const accountName = '[a-z0-9_][a-z0-9_.-]{0,63}(?:/[a-z0-9_][a-z0-9_.-]{0,63}){0,3}';
const form = new RegExp(
  `^(?:(user|service|workload):(${accountName})(?:@([0-9a-f]{64}))?|(cluster):([0-9a-f]{64}))$`,
);

export const accountNameSchema: z.ZodType<string> = z
  .string()
  .max(nameLengthMax)
  .regex(
    new RegExp(`^${accountName}$`),
    'an account name is lower-case letters, digits, ".", "-" and "_", in up to 4 segments by "/"',
  );

export const principalSchema: z.ZodType<Principal> = z
  .string()
  .max(2 * nameLengthMax)
  .regex(
    form,
    'a principal is user:<name>, service:<name> or workload:<name>, of another cluster with ' +
      '@<cluster id>, or cluster:<cluster id>',
  ) as unknown as z.ZodType<Principal>;

export function principal({ kind, name, home }: PrincipalParts): Principal {
  return `${kind}:${name}${home === undefined ? '' : `@${home}`}` as Principal;
}

/** INPUT_INVALID on what is none. */
export function splitPrincipal(text: string): PrincipalParts {
  const [, kind, name, home, cluster, id] = form.exec(text) ?? [];
  if (cluster !== undefined && id !== undefined) {
    return { kind: 'cluster', name: id };
  }
  if (kind === undefined || name === undefined) {
    throw new HansaError('INPUT_INVALID', `"${text.slice(0, nameLengthMax)}" names no principal`, {
      fix: 'write user:<name>, service:<name> or workload:<name>',
    });
  }
  const parts = { kind: kind as PrincipalKind, name };
  return home === undefined ? parts : { ...parts, home: home as ClusterId };
}

/** Whether a text has the form of one: what a token is about may be anything. */
export function isPrincipal(text: string): text is Principal {
  return form.test(text);
}
