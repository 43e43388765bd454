// Which token, or whose, an act is about, as the audit tells it: by its id, or by whom it is for.
// Never a text of a token: whoever reads the audit could use it.

interface Given {
  readonly for?: string | undefined;
  readonly audience?: readonly string[] | undefined;
  readonly at?: readonly string[] | undefined;
}

export const about = {
  /** `anna to bearer at bergen, visby`. */
  issue: ({ for: whom, audience, at }: Given): string | undefined => {
    const to = audience === undefined ? [] : [`to ${audience.join(', ')}`];
    const where = at === undefined ? [] : [`at ${at.join(', ')}`];
    const words = [...(whom === undefined ? [] : [whom]), ...to, ...where];
    return words.length === 0 ? undefined : words.join(' ');
  },
  /** As principals that came with it are told of. */
  token: ({ jti }: { readonly jti: string }): string => `token:${jti}`,
  delegate: ({ jti, audience }: { jti: string; audience: readonly string[] }): string =>
    `token:${jti} to ${audience.join(', ')}`,
  peer: ({ peer }: { readonly peer: string }): string => peer,
};
