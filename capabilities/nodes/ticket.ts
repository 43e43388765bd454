// What a ticket to join says, as text: where the store is, and the secret that opens what the store
// keeps for the new node. Whoever holds it becomes a node of the cluster.
import { fromBase64Url, fromUtf8, HansaError, toBase64Url, utf8 } from '@hansa/foundation';
import { z } from 'zod';
import { ticketBytesMax } from './contract.ts';

export const ticketPrefix = 'hansa-node_';
export const ticketSecretBytes = 32;

export interface TicketContent {
  /** `etcd://…`, with what it takes to get in. */
  readonly store: string;
  readonly cluster: string;
  readonly name: string;
  /** Base64url of `ticketSecretBytes`. */
  readonly secret: string;
}

const contentSchema: z.ZodType<TicketContent> = z.strictObject({
  store: z.string().min(1),
  cluster: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string(),
  secret: z.string().min(1),
});

export function writeTicket(content: TicketContent): string {
  const text = `${ticketPrefix}${toBase64Url(utf8(JSON.stringify(content)))}`;
  if (text.length > ticketBytesMax) {
    throw new HansaError('STORE_LIMIT', `a ticket is at most ${ticketBytesMax} bytes`, {
      facts: { bytes: text.length, bytesMax: ticketBytesMax },
    });
  }
  return text;
}

/** NODE_TICKET_INVALID for whatever `writeTicket` does not make. */
export function readTicket(text: string): TicketContent {
  try {
    if (!text.startsWith(ticketPrefix) || text.length > ticketBytesMax) {
      throw new RangeError('not a ticket');
    }
    const json = fromUtf8(fromBase64Url(text.slice(ticketPrefix.length)));
    const content = contentSchema.parse(JSON.parse(json));
    if (fromBase64Url(content.secret).length !== ticketSecretBytes) {
      throw new RangeError('not a secret');
    }
    return content;
  } catch (cause) {
    throw new HansaError('NODE_TICKET_INVALID', 'this is not a ticket to join a cluster', {
      cause,
    });
  }
}
