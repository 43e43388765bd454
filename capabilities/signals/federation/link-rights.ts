// What the router at the other end of a link may do here, and be asked for.
import type { SignalVerb } from '../router/access.ts';

export interface LinkRights {
  allows(verb: SignalVerb, addressOrPattern: string): boolean;
  /**
   * Given where the link has proven who is there: whether changes at the address may come over it.
   * Nobody says on such a link what he owns.
   */
  brings?(address: string): boolean;
  /** Of such a link: whether writes on their way to the address's owner may go over it. */
  carries?(address: string): boolean;
}

/** Whether it may be the one router that judges writes there: what it owns it reads and writes. */
export function owns(rights: Pick<LinkRights, 'allows'>, pattern: string): boolean {
  return (['watch', 'write', 'own'] as const).every((verb) => rights.allows(verb, pattern));
}

/** Whether changes at the address may come over the link. */
export function brings(rights: LinkRights, address: string): boolean {
  return rights.brings?.(address) ?? rights.allows('write', address);
}
