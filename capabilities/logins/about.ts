// Whom a login is about, as the audit tells it: users, providers and sessions by their names and
// ids. Never a password, a code or the text of a session.

interface OfUser {
  readonly user: string;
}
interface OfProvider {
  readonly provider: string;
}

export const about = {
  user: ({ user }: OfUser): string => `user:${user}`,
  perhapsUser: ({ user }: { readonly user?: string | undefined }): string | undefined =>
    user === undefined ? undefined : `user:${user}`,
  provider: ({ provider }: OfProvider): string => `provider:${provider}`,
  binding: ({ user, provider }: OfUser & OfProvider): string =>
    `user:${user} by provider:${provider}`,
  session: ({ id }: { readonly id: string }): string => `session:${id}`,
};
