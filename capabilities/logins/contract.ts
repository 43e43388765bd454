// Who is let in as whom: passwords, one-time codes, identity providers, and the sessions that they
// begin. Users themselves are the directory's; what they may do is for access to say.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import { about } from './about.ts';
import { loginFields as fields, type SessionRow } from './fields.ts';
import {
  bindingSchema,
  providerInput,
  providerSchema,
  type Binding,
  type ProviderWish,
  type Provider,
} from './providers.ts';

export {
  invitesMax,
  oneTimeCodeMs,
  passwordLengthMax,
  passwordLengthMin,
  passwordsMax,
  sessionIdleMs,
  sessionsMax,
  sessionsPerUserMax,
  sessionTotalMs,
  sessionUseGapMs,
  type SessionRow,
} from './fields.ts';
export {
  bindingsMax,
  groupsMappedMax,
  providersMax,
  type Binding,
  type Provider,
  type ProviderWish,
} from './providers.ts';

/** A session as it begins: the only time that its text is shown. */
export interface LoggedIn {
  readonly session: string;
  readonly id: string;
  /** What a browser sends along with everything that changes something, as `Hansa-Mark`. */
  readonly mark: string;
  readonly principal: string;
  /** At the latest; sooner where it is not used. */
  readonly expiresMs: number;
}

export interface OneTimeCode {
  /** Absent for the owner's: whoever has it says whom it makes the owner. */
  readonly user?: string | undefined;
  /** Shown once. */
  readonly code: string;
  readonly expiresMs: number;
}

/** How somebody can log in. */
export interface LoginRow {
  readonly user: string;
  readonly password: boolean;
  /** Somebody else has set it: it has to be changed at the next login. */
  readonly mustChange: boolean;
  readonly invited: boolean;
  readonly bindings: readonly Binding[];
}

export interface Logins {
  /** With `newPassword` the password is changed at once: where it must be, or as one likes. */
  passwordLogin(
    input: { user: string; password: string; newPassword?: string | undefined },
    call?: Call,
  ): Promise<LoggedIn>;
  /** The owner's code makes `user` the owner; an invitation is for the user it was made for. */
  codeLogin(
    input: { code: string; password: string; user?: string | undefined },
    call?: Call,
  ): Promise<LoggedIn>;
  /** What a login page offers. */
  ways(input: Nothing, call?: Call): Promise<{ providers: readonly string[] }>;
  /** With a port, the browser comes back to that port of the asker's own machine. */
  oidcStart(
    input: { provider: string; port?: number | undefined },
    call?: Call,
  ): Promise<{ url: string; ticket: string; expiresMs: number }>;
  /** With the ticket of the start and the code that the browser has brought back. */
  oidcFinish(input: { ticket: string; code: string }, call?: Call): Promise<LoggedIn>;
  /** The session that asks. */
  session(input: Nothing, call?: Call): Promise<SessionRow & { readonly mark: string }>;
  logout(input: Nothing, call?: Call): Promise<{ id: string }>;
  /** Every other session of the same user ends. */
  changePassword(
    input: { password: string; newPassword: string },
    call?: Call,
  ): Promise<{ ended: number }>;
  ownSessions(input: Nothing, call?: Call): Promise<{ sessions: readonly SessionRow[] }>;
  endOwnSession(input: { id: string }, call?: Call): Promise<{ id: string }>;
  /** Of one user, or of all. */
  sessions(
    input: { user?: string | undefined; after?: string | undefined },
    call?: Call,
  ): Promise<{ sessions: readonly SessionRow[]; more: boolean }>;
  endSession(input: { id: string }, call?: Call): Promise<{ id: string }>;
  endSessions(input: { user: string }, call?: Call): Promise<{ ended: number }>;
  list(
    input: { after?: string | undefined },
    call?: Call,
  ): Promise<{ logins: readonly LoginRow[]; more: boolean }>;
  /** For others: it must be changed at the next login, and every session of theirs ends. */
  setPassword(
    input: { user: string; newPassword: string },
    call?: Call,
  ): Promise<{ user: string; ended: number }>;
  /** A code with which the user sets a first password, or a new one. */
  invite(input: { user: string }, call?: Call): Promise<OneTimeCode>;
  ownerCode(input: Nothing, call?: Call): Promise<OneTimeCode>;
  providers(input: Nothing, call?: Call): Promise<{ providers: readonly Provider[] }>;
  putProvider(input: ProviderWish, call?: Call): Promise<Provider>;
  removeProvider(input: { provider: string }, call?: Call): Promise<{ provider: string }>;
  bind(input: { provider: string; user: string; subject: string }, call?: Call): Promise<Binding>;
  unbind(input: { provider: string; subject: string }, call?: Call): Promise<Binding>;
}

type Nothing = Record<string, never>;

// ---- in process, for the node ----

export {
  markHeader,
  sessionCookies,
  sessionMark,
  type PrincipalCaller,
  type Sessions,
} from './uses.ts';

const nothing = z.strictObject({});
const { user, password, code, id, provider, subject } = fields;
const loggedIn: z.ZodType<LoggedIn> = z.object({
  session: z.string(),
  id,
  mark: z.string(),
  principal: z.string(),
  expiresMs: z.number(),
});
const oneTimeCode: z.ZodType<OneTimeCode> = z.object({
  user: user.optional(),
  code: z.string(),
  expiresMs: z.number(),
});
const sessionPage = z.array(fields.session).max(fields.pageMax);
const tried = ['LOGIN_LOCKED', 'LOGIN_REFUSED', 'PRINCIPAL_DISABLED', 'STORE_LIMIT'] as const;
const viaProvider = ['PROVIDER_FAILED', 'PROVIDER_NOT_FOUND'] as const;

export const loginsContract: Contract<Logins> = {
  name: 'logins',
  version: 1,
  methods: {
    passwordLogin: {
      summary: 'Logs a user of this cluster in by name and password.',
      permission: 'open',
      route: 'POST /login',
      input: z.strictObject({ user, password, newPassword: password.optional() }),
      about: about.user,
      output: loggedIn,
      errors: [...tried, 'PASSWORD_CHANGE_NEEDED', 'PASSWORD_WEAK'],
    },
    codeLogin: {
      summary: 'Logs somebody in by a one-time code, and sets their password.',
      permission: 'open',
      route: 'POST /login/code',
      input: z.strictObject({ code, password, user: user.optional() }),
      about: about.perhapsUser,
      output: loggedIn,
      errors: [...tried, 'PASSWORD_WEAK'],
    },
    ways: {
      summary: 'Tells by which identity providers people can log in, besides passwords.',
      permission: 'open',
      route: 'GET /login/ways',
      input: nothing,
      output: z.object({ providers: z.array(provider) }),
      errors: [],
    },
    oidcStart: {
      summary: 'Begins a login by an identity provider: the address to open in a browser.',
      permission: 'open',
      route: 'POST /login/oidc',
      input: z.strictObject({
        provider,
        port: z.number().int().min(1).max(65_535).optional(),
      }),
      about: about.provider,
      output: z.object({ url: z.string(), ticket: z.string(), expiresMs: z.number() }),
      errors: [...viaProvider, 'LOGIN_LOCKED'],
    },
    oidcFinish: {
      summary: 'Ends a login by an identity provider with what the browser has brought back.',
      permission: 'open',
      route: 'POST /login/oidc/finish',
      input: z.strictObject({ ticket: code, code }),
      output: loggedIn,
      errors: tried,
    },
    session: {
      summary: 'Shows the session that asks, with its mark.',
      permission: 'self',
      route: 'GET /session',
      input: nothing,
      output: fields.session.extend({ mark: z.string() }),
      errors: ['SESSION_NOT_FOUND'],
    },
    logout: {
      summary: 'Ends the session that asks.',
      permission: 'self',
      route: 'POST /logout',
      input: nothing,
      output: z.object({ id }),
      errors: ['SESSION_NOT_FOUND'],
    },
    changePassword: {
      summary: 'Changes one’s own password; every other session of one’s own ends.',
      permission: 'self',
      route: 'POST /session/password',
      input: z.strictObject({ password, newPassword: password }),
      output: z.object({ ended: z.number() }),
      errors: ['LOGIN_LOCKED', 'LOGIN_REFUSED', 'PASSWORD_WEAK'],
    },
    ownSessions: {
      summary: 'Lists one’s own sessions.',
      permission: 'self',
      route: 'GET /session/all',
      input: nothing,
      output: z.object({ sessions: sessionPage }),
      errors: [],
    },
    endOwnSession: {
      summary: 'Ends one of one’s own sessions.',
      permission: 'self',
      route: 'DELETE /session/all/:id',
      input: z.strictObject({ id }),
      about: about.session,
      output: z.object({ id }),
      errors: ['SESSION_NOT_FOUND'],
    },
    sessions: {
      summary: 'Lists the sessions of all users, or of one.',
      permission: 'logins.read',
      route: 'GET /logins/sessions',
      input: z.strictObject({ user: user.optional(), after: id.optional() }),
      output: z.object({ sessions: sessionPage, more: z.boolean() }),
      errors: [],
    },
    endSession: {
      summary: 'Ends somebody’s session.',
      permission: 'logins.write',
      route: 'DELETE /logins/sessions/:id',
      input: z.strictObject({ id }),
      about: about.session,
      output: z.object({ id }),
      errors: ['SESSION_NOT_FOUND'],
    },
    endSessions: {
      summary: 'Ends every session of a user.',
      permission: 'logins.write',
      route: 'POST /logins/users/:user/end',
      input: z.strictObject({ user }),
      about: about.user,
      output: z.object({ ended: z.number() }),
      errors: [],
    },
    list: {
      summary: 'Lists how each user can log in; never a secret.',
      permission: 'logins.read',
      route: 'GET /logins/users',
      input: z.strictObject({ after: user.optional() }),
      output: z.object({
        logins: z
          .array(
            z.object({
              user,
              password: z.boolean(),
              mustChange: z.boolean(),
              invited: z.boolean(),
              bindings: z.array(bindingSchema),
            }),
          )
          .max(fields.pageMax),
        more: z.boolean(),
      }),
      errors: [],
    },
    setPassword: {
      summary: 'Sets a user’s password, to be changed at the next login; their sessions end.',
      permission: 'logins.write',
      route: 'PUT /logins/users/:user/password',
      input: z.strictObject({ user, newPassword: password }),
      about: about.user,
      output: z.object({ user, ended: z.number() }),
      errors: ['GRANT_WIDENED', 'PASSWORD_WEAK', 'PRINCIPAL_UNKNOWN', 'STORE_LIMIT'],
    },
    invite: {
      summary: 'Makes a one-time code with which a user sets a password and logs in.',
      permission: 'logins.write',
      route: 'POST /logins/users/:user/invite',
      input: z.strictObject({ user }),
      about: about.user,
      output: oneTimeCode,
      errors: ['GRANT_WIDENED', 'PRINCIPAL_UNKNOWN', 'STORE_LIMIT'],
    },
    ownerCode: {
      summary: 'Makes the one-time code that lets somebody in as the owner; the last one ends.',
      permission: 'logins.write',
      route: 'POST /logins/owner-code',
      input: nothing,
      output: oneTimeCode,
      errors: ['GRANT_WIDENED'],
    },
    providers: {
      summary: 'Lists the identity providers that people can log in by; never their secrets.',
      permission: 'logins.read',
      route: 'GET /logins/providers',
      input: nothing,
      output: z.object({ providers: z.array(providerSchema) }),
      errors: [],
    },
    putProvider: {
      summary: 'Adds an identity provider, or changes it.',
      permission: 'logins.write',
      route: 'PUT /logins/providers/:provider',
      input: providerInput,
      about: about.provider,
      output: providerSchema,
      errors: ['GRANT_WIDENED', 'STORE_LIMIT'],
    },
    removeProvider: {
      summary: 'Removes an identity provider and what was bound to it; nobody logs in by it then.',
      permission: 'logins.write',
      route: 'DELETE /logins/providers/:provider',
      input: z.strictObject({ provider }),
      about: about.provider,
      output: z.object({ provider }),
      errors: ['PROVIDER_NOT_FOUND'],
    },
    bind: {
      summary: 'Lets whoever a provider knows under this subject log in as a user.',
      permission: 'logins.write',
      route: 'PUT /logins/providers/:provider/bindings/:user',
      input: z.strictObject({ provider, user, subject }),
      about: about.binding,
      output: bindingSchema,
      errors: ['GRANT_WIDENED', 'PRINCIPAL_UNKNOWN', 'PROVIDER_NOT_FOUND', 'STORE_LIMIT'],
    },
    unbind: {
      summary: 'Takes a subject of a provider from its user, whose sessions end.',
      permission: 'logins.write',
      route: 'POST /logins/providers/:provider/unbind',
      input: z.strictObject({ provider, subject }),
      about: about.provider,
      output: bindingSchema,
      errors: ['PROVIDER_NOT_FOUND'],
    },
  },
};
