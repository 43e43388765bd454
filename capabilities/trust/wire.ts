// What another cluster may ask about trust: to be given it.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import { noteSchema } from './contract.ts';

export interface TrustPeer {
  /**
   * Whoever is connected asks to be trusted. The answer is the same whether it is waiting now, was
   * trusted before, or is not listened to.
   */
  request(input: { readonly message: string }, call?: Call): Promise<Record<string, never>>;
}

export const trustPeerContract: Contract<TrustPeer> = {
  name: 'trust-peer',
  version: 1,
  traffic: 'control',
  methods: {
    request: {
      summary: 'Asks for the trust of the asked cluster.',
      permission: 'peer',
      input: z.object({ message: noteSchema }),
      output: z.strictObject({}),
      errors: ['RATE_LIMITED'],
    },
  },
};
