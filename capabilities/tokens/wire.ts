// How a cluster shows another the tokens it was given: a stream, so that they count exactly as long
// as it lasts, for the cluster that opened it and for no other. And how one hears which tokens of
// another cluster count no more.
import { errorReportSchema, type Call, type Contract, type ErrorReport } from '@hansa/foundation';
import { z } from 'zod';
import { presentedPerPeerMax, tokenBytesMax, tokenFields, type Revocation } from './contract.ts';

export const toldPerItemMax = 500; // revocations: some 30 KiB, which control traffic carries well

/** What the cluster that a token is shown to makes of it. */
export interface Verdict {
  readonly taken: boolean;
  readonly problem?: ErrorReport | undefined;
}

export interface TokenPeer {
  /** The verdicts in the order of the tokens; again whenever one of them changes. */
  present(
    input: { readonly tokens: readonly string[] },
    call?: Call,
  ): AsyncIterable<{ readonly verdicts: readonly Verdict[] }>;
}

export const tokenPeerContract: Contract<TokenPeer> = {
  name: 'token-peer',
  version: 1,
  // Never on a plane, which ends when little crosses it: what is shown counts as long as the link.
  traffic: 'control',
  methods: {
    present: {
      watch: true,
      summary: 'Shows tokens; they count while the stream lasts.',
      permission: 'peer',
      input: z.object({
        tokens: z.array(z.string().min(1).max(tokenBytesMax)).min(1).max(presentedPerPeerMax),
      }),
      output: z.object({
        verdicts: z
          .array(z.object({ taken: z.boolean(), problem: errorReportSchema.optional() }))
          .max(presentedPerPeerMax),
      }),
      errors: ['RATE_LIMITED'],
    },
  },
};

export interface RevocationsPeer {
  /**
   * What the asked cluster took back of the tokens it issued, as far as they concern the asker: all
   * of it first, then whatever is added. An item may be empty.
   */
  follow(
    input: Record<string, never>,
    call?: Call,
  ): AsyncIterable<{ readonly revoked: readonly Pick<Revocation, 'jti' | 'untilMs'>[] }>;
}

export const revocationsPeerContract: Contract<RevocationsPeer> = {
  name: 'revocations-peer',
  version: 1,
  // Before everything else that crosses a link, and never on a plane, which ends when it is idle.
  traffic: 'control',
  methods: {
    follow: {
      watch: true,
      summary: 'Tells which tokens count no more: all that concern the asker, then each new one.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({
        revoked: z
          .array(z.object({ jti: tokenFields.jti, untilMs: z.number().nonnegative() }))
          .max(toldPerItemMax),
      }),
      errors: ['LINK_NOT_FOUND', 'RATE_LIMITED'],
    },
  },
};
