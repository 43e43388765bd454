// What clusters say to each other about who they are, after the first hello.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import { keyLogSchema, type KeyLog } from './contract.ts';

export interface IdentityPeer {
  /**
   * The caller tells its key log, before it signs with the newest key; the answer is the index
   * that the receiver knows of it now. KEY_FORKED where the log contradicts an earlier one.
   */
  rotated(input: { readonly log: KeyLog }, call?: Call): Promise<{ readonly keyIndex: number }>;
  /** The caller has seen the receiver's identity on two processes by turns. */
  seenTwice(input: { readonly instances: number }, call?: Call): Promise<Record<string, never>>;
}

export const identityPeerContract: Contract<IdentityPeer> = {
  name: 'identity-peer',
  version: 1,
  traffic: 'control',
  methods: {
    rotated: {
      summary: 'Tells the caller’s key log, before its newest key is used.',
      permission: 'peer',
      input: z.object({ log: keyLogSchema }),
      output: z.object({ keyIndex: z.number().int().nonnegative() }),
      errors: ['KEY_FORKED', 'CERTIFICATE_INVALID', 'LINK_NOT_FOUND'],
    },
    seenTwice: {
      summary: 'Says that the receiver’s identity runs in more than one process.',
      permission: 'peer',
      input: z.object({ instances: z.number().int().min(2).max(64) }),
      output: z.strictObject({}),
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
