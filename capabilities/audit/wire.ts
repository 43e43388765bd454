// What linked clusters show each other of their audits: heads, to be countersigned.
import type { Call, Contract } from '@hansa/foundation';
import { z } from 'zod';
import {
  auditHeadSchema,
  countersignatureSchema,
  type AuditHead,
  type Countersignature,
} from './contract.ts';

export interface AuditPeer {
  /** What was countersigned last of the caller's; LINK_NOT_FOUND without a link. */
  last(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly countersignature?: Countersignature | undefined }>;
  /**
   * AUDIT_FORKED where it contradicts what was shown before, which is remembered; CONFLICT where
   * its prior is not what was countersigned last; AUDIT_INVALID, CLOCK_AHEAD.
   */
  show(
    input: { readonly head: AuditHead },
    call?: Call,
  ): Promise<{ readonly countersignature: Countersignature }>;
}

export const auditPeerContract: Contract<AuditPeer> = {
  name: 'audit-peer',
  version: 1,
  traffic: 'control',
  methods: {
    last: {
      summary: 'What this cluster countersigned last of the caller’s audit.',
      permission: 'peer',
      input: z.strictObject({}),
      output: z.object({ countersignature: countersignatureSchema.optional() }),
      errors: ['LINK_NOT_FOUND'],
    },
    show: {
      summary: 'Shows the caller’s newest head, to be countersigned.',
      permission: 'peer',
      input: z.object({ head: auditHeadSchema }),
      output: z.object({ countersignature: countersignatureSchema }),
      errors: [
        'LINK_NOT_FOUND',
        'AUDIT_INVALID',
        'AUDIT_FORKED',
        'CONFLICT',
        'CLOCK_AHEAD',
        'FEDERATION_OFF',
      ],
    },
  },
};
