// What a linked cluster may ask about the link from its own side: also while it waits for its check
// words, which is when people need it most.
import { bytesSchema, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';

// as many small packets as a path that loses large ones needs to be found out
export const probeBytesMax: number = 256 * 1_024;
export const sayingLengthMax = 300; // a peer's sentence is one line on a screen
const contractsMax = 64; // as many as a hello may name

/** How the asked cluster sees the link, and itself, as far as the link needs it. */
export interface PeerView {
  /** When it looked, by its own clock. */
  readonly nowMs: number;
  readonly version: string;
  readonly contracts: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  readonly link: {
    readonly status: string;
    readonly reason?: string | undefined;
    /** It holds a half-link, and may pull from the asker. */
    readonly mine: boolean;
    readonly confirmed: boolean;
    readonly silentMs?: number | undefined;
    readonly missing?: number | undefined;
  };
  /** The newest key of the asker that it knows. */
  readonly keyIndexKnown: number;
  readonly certificateLeftMs: number;
  /** Whether a write reached its disk. */
  readonly store: { readonly writable: boolean; readonly saying: string };
  /** Its copies of what the asker owns, by state. */
  readonly copies: Readonly<Record<string, number>>;
  /** Whether it could dial the asker, just now. */
  readonly dialBack: {
    readonly tried: boolean;
    readonly reached: boolean;
    readonly saying: string;
  };
}

export interface DoctorPeer {
  probe(
    input: { readonly payload: Uint8Array },
    call?: Call,
  ): Promise<{ readonly receivedBytes: number; readonly nowMs: number }>;
  /** Asked again within a second, the same answer; older releases say RATE_LIMITED. */
  examine(input: Record<string, never>, call?: Call): Promise<PeerView>;
}

const count = z.number().int().nonnegative();
// Printed on terminals: no control characters.
const saying = z
  .string()
  .max(sayingLengthMax)
  .regex(/^\P{C}*$/u);
const word = z
  .string()
  .max(64)
  .regex(/^[a-z-]+$/);
const atMost =
  (max: number) =>
  (rows: object): boolean =>
    Object.keys(rows).length <= max;

const peerView: z.ZodType<PeerView> = z.object({
  nowMs: count,
  version: saying,
  contracts: z
    .record(z.string().max(64), z.object({ min: count, max: count }))
    .refine(atMost(contractsMax)),
  link: z.object({
    status: word,
    reason: saying.optional(),
    mine: z.boolean(),
    confirmed: z.boolean(),
    silentMs: count.optional(),
    missing: count.optional(),
  }),
  keyIndexKnown: count,
  certificateLeftMs: z.number().int(),
  store: z.object({ writable: z.boolean(), saying }),
  copies: z.record(word, count).refine(atMost(16)),
  dialBack: z.object({ tried: z.boolean(), reached: z.boolean(), saying }),
});

export const doctorPeerContract: Contract<DoctorPeer> = {
  name: 'doctor-peer',
  version: 1,
  traffic: 'control',
  methods: {
    probe: {
      summary: 'Says what arrived and when.',
      permission: 'peer',
      input: z.object({
        payload: bytesSchema.refine((bytes) => bytes.length <= probeBytesMax),
      }),
      output: z.object({ receivedBytes: count, nowMs: count }),
      errors: [],
    },
    examine: {
      summary: 'How the asked cluster sees the link and itself, and whether it reaches the asker.',
      permission: 'peer',
      input: z.object({}),
      output: peerView,
      errors: ['LINK_NOT_FOUND', 'RATE_LIMITED'],
    },
  },
};
