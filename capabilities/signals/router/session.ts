// A session: one HELLO's worth of a line, from its WELCOME until the line ends.
import type { Feature } from '../frames/messages.ts';
import type { SignalAccess } from './access.ts';
import type { Bucket } from './bucket.ts';
import type { Gates } from './gates.ts';
import type { Outbox } from './outbox.ts';
import type { Refusal } from './param.ts';
import type { Subscription } from './routes.ts';

export interface Session {
  readonly id: string;
  /** What it calls itself: a claim. */
  readonly name: string;
  readonly remote: string;
  readonly features: readonly Feature[];
  /** It said `federation`: another router, not a client. */
  readonly isPeer: boolean;
  readonly access: SignalAccess;
  readonly outbox: Outbox;
  readonly gates: Gates;
  /** Another one where it turns out that it speaks for many. */
  bucket: Bucket;
  /** By the id that the session gave it. */
  readonly subscriptions: Map<number, Subscription<Session>>;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** On `clock.monotonicMs`: a frame or a pong came. */
  heardMs: number;
  /** It may be sent to by others for their P2P signalling, and said so. */
  announcesP2p: boolean;
  ended: boolean;
  /** Tells it why, then closes its line; all that it holds is freed when the line has ended. */
  end(refusal: Refusal | undefined, reason: string): void;
}

/** Whether it may be told of an address of a pattern that it subscribed to. */
export function hears({ access }: Session, address: string): boolean {
  return access.judgesAll !== true || access.allows('read', address);
}
