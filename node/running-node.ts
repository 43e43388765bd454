// A node that is up, as whoever started it sees it.
import type { HansaError } from '@hansa/foundation';

export interface RunningNode {
  readonly name: string;
  /** What commands on this machine are to know it by. */
  readonly context: string;
  readonly cluster: string;
  /** Whether this start has made the cluster: its keys, and with them its identity, are new. */
  readonly founded: boolean;
  readonly url: string;
  /** Lets the first person in as the owner, once; of the very first start alone. */
  readonly ownerCode: string | undefined;
  readonly problem: HansaError | undefined;
  /** Whether another node of the cluster is the active one. */
  readonly standsBy: boolean;
  /** Resolves when somebody asked for the stop over the API. */
  readonly stopAsked: Promise<void>;
  stop(): Promise<void>;
}
