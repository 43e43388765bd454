// How a cluster shows another the tokens it was given: a stream, so that they count exactly as long
// as it lasts, for the cluster that opened it and for no other.
import { errorReportSchema, type Call, type Contract, type ErrorReport } from '@hansa/foundation';
import { z } from 'zod';
import { presentedPerPeerMax, tokenBytesMax } from './contract.ts';

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
