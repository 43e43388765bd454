// Whether the hub of a leaf lets it own what it says is its own. Away from its hub a leaf judges
// its addresses alone; where the hub has said no, what it took would stand nowhere else.
import type { Log } from '@hansa/foundation';
import type { FederationConfig } from './config.ts';

export interface Dispute {
  /** What the hub has against it; undefined where nothing, or where it has not said yet. */
  readonly why: string | undefined;
  /** What was answered to a declaration. In a mesh no router judges what is another's. */
  answered(why: string | undefined): void;
}

export function createDispute({ mode }: FederationConfig, log: Log): Dispute {
  let held: string | undefined;
  return {
    get why() {
      return held;
    },
    answered(why) {
      if (mode.kind !== 'leaf' || why === held) {
        return;
      }
      held = why;
      if (why === undefined) {
        log.event('signal-federation.agreed', {});
      } else {
        log.problem('signal-federation.disputed', new Error(why));
      }
    },
  };
}
