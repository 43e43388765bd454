// How a cluster tells linked ones whom to believe: a stream of its own bundle, never of another's,
// with the serials that count no more.
import { bytesSchema, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';
import {
  certificateFields,
  certificateRevocationsMax,
  certificateRootsMax,
  certificateTextMax,
} from './contract.ts';

export const refreshHintMinMs = 1_000; // who is asked more often is asked by a stream anyway
export const refreshHintMaxMs: number = 24 * 3_600_000; // a day, as SPIFFE’s own implementations

export interface TrustBundle {
  /** Rises with every change, and with nothing else. */
  readonly sequence: number;
  readonly refreshHintMs: number;
  /** DER. */
  readonly roots: readonly Uint8Array[];
  readonly revoked: readonly string[];
}

export interface CertificatePeer {
  /** The bundle, once there is one, and again whenever it changes. */
  follow(input: Record<string, never>, call?: Call): AsyncIterable<TrustBundle>;
}

const root: z.ZodType<Uint8Array> = bytesSchema.refine(
  (bytes) => bytes.length > 0 && bytes.length <= certificateTextMax,
  'a root has at most 32 KiB',
);

export const trustBundleSchema: z.ZodType<TrustBundle> = z.object({
  sequence: z.number().int().positive(),
  refreshHintMs: z.number().int().min(refreshHintMinMs).max(refreshHintMaxMs),
  roots: z.array(root).max(certificateRootsMax),
  revoked: z.array(certificateFields.serial).max(certificateRevocationsMax),
});

export const certificatePeerContract: Contract<CertificatePeer> = {
  name: 'certificate-peer',
  version: 1,
  // What counts no more must not wait behind content.
  traffic: 'control',
  methods: {
    follow: {
      watch: true,
      summary: 'The cluster’s own trust bundle, now and whenever it changes.',
      permission: 'peer',
      input: z.object({}),
      output: trustBundleSchema,
      errors: ['FORBIDDEN'],
    },
  },
};
