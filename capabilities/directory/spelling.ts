// An account or group as people spell it: `anna`, `service:ci`, `group:ops`; with `@<peer>` behind
// it where another cluster vouches for it. Pure: who reads it resolves the peer.
import { HansaError, nameLengthMax } from '@hansa/foundation';

export const spelledPartyMax: number = 3 * nameLengthMax; // a type, a name and a peer

export type PartyType = 'user' | 'service' | 'group';

/** Who can hold a role. */
export interface SpelledParty {
  readonly type: PartyType;
  readonly name: string;
  /** A name or id of a linked cluster; this one where absent. */
  readonly peer?: string;
}

/** INPUT_INVALID. Without a type it is of `type`, a user by default. */
export function readParty(spelled: string, type: PartyType = 'user'): SpelledParty {
  const [, said, name, peer] =
    /^(?:(user|service|group):)?([^:@\s]+)(?:@(\S+))?$/.exec(spelled) ?? [];
  if (name === undefined || spelled.length > spelledPartyMax) {
    throw new HansaError('INPUT_INVALID', `"${spelled.slice(0, nameLengthMax)}" names nobody`, {
      fix: 'write anna, service:ci or group:ops; of another cluster anna@<peer>',
    });
  }
  const party = { type: (said ?? type) as PartyType, name };
  return peer === undefined ? party : { ...party, peer };
}

/** As it is read again. */
export function spellParty({ type, name, peer }: SpelledParty): string {
  return `${type === 'user' ? '' : `${type}:`}${name}${peer === undefined ? '' : `@${peer}`}`;
}
