// What two clusters of the first release said to each other, as bytes: recorded once from its own
// code, never made again. A later build is judged by what the first one wrote.
import { readVectors } from './by-hand.ts';
import { z } from 'zod';

export interface Exchange {
  /** The cluster that asked. */
  readonly asker: string;
  readonly contract: string;
  readonly method: string;
  /** One frame. */
  readonly request: Uint8Array;
  /** The frames that answered, the first four at most. */
  readonly answers: readonly Uint8Array[];
}

export interface Conversation {
  /** The first frame of the control stream, by the cluster that sent it. */
  readonly hellos: Readonly<Record<string, Uint8Array>>;
  readonly exchanges: readonly Exchange[];
}

const hex = z.string().transform((text) => new Uint8Array(Buffer.from(text, 'hex')));
const conversation = z.object({
  hellos: z.record(z.string(), hex),
  exchanges: z.array(
    z.object({
      asker: z.string(),
      contract: z.string(),
      method: z.string(),
      request: hex,
      answers: z.array(hex),
    }),
  ),
});

export function firstRelease(): Conversation {
  return conversation.parse(readVectors('v1/conversation'));
}
