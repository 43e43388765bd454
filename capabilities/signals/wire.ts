// What routers of linked clusters ask of each other: a line over the link, for the frames that they
// would send over a socket.
import { bytesSchema, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';

/** Frames of one item or call: a round trip of 100 ms still carries 16 MiB a second. */
export const batchBytesMax: number = 256 * 1_024;
/** Of those, calls that are under way at once; what comes meanwhile is gathered. */
export const sendsMax = 64;

export interface SignalsPeer {
  /**
   * Opens a line; the first item, which is empty, says that it is open. An older line of the same
   * cluster ends. Asked again for the same line, with a greater turn, its frames go on there,
   * behind the last item of the turn before. LINK_NOT_FOUND where there is no link, SHUTTING_DOWN
   * where no router runs.
   */
  open(
    input: { readonly line: string; readonly turn: number },
    call?: Call,
  ): AsyncIterable<{ readonly frames: Uint8Array }>;
  /** In the order of their sequence, from 0. CONNECTION_CLOSED where there is no such line. */
  send(
    input: { readonly line: string; readonly sequence: number; readonly frames: Uint8Array },
    call?: Call,
  ): Promise<Record<string, never>>;
}

const line = z.string().regex(/^[0-9a-f]{32}$/, 'a line is 32 hex digits');
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const frames = bytesSchema.refine((bytes) => bytes.length <= batchBytesMax, 'too many at once');

export const signalsPeerContract: Contract<SignalsPeer> = {
  name: 'signals-peer',
  version: 1,
  traffic: 'state',
  methods: {
    open: {
      watch: true,
      summary: 'Opens a line between two routers of signals, and tells its frames.',
      permission: 'peer',
      input: z.object({ line, turn: count }),
      output: z.object({ frames }),
      errors: ['LINK_NOT_FOUND', 'SHUTTING_DOWN'],
    },
    send: {
      summary: 'Frames the other way, over a line that is open.',
      permission: 'peer',
      input: z.object({
        line,
        sequence: count,
        frames,
      }),
      output: z.object({}),
      errors: ['CONNECTION_CLOSED'],
    },
  },
};
