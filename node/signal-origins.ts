// Which web pages an owner may let come to a router.
import { HansaError } from '@hansa/foundation';
import { anyOrigin, isOrigin } from '@hansa/signal-sockets';

/** CONFIG_INVALID for what no browser says, and where an open router would let in everybody's. */
export function checkOrigins(origins: readonly string[], open: boolean): void {
  const strange = origins.find((origin) => !isOrigin(origin));
  if (strange !== undefined) {
    throw new HansaError('CONFIG_INVALID', `"${strange}" is no origin of a page`, {
      fix: 'write the scheme, the host and the port, as in https://show.example:8443',
    });
  }
  // Any page can show another one in a frame that has no origin.
  const everybody = origins.find((each) => each === anyOrigin || each.toLowerCase() === 'null');
  if (open && everybody !== undefined) {
    throw new HansaError('CONFIG_INVALID', 'every page on the web could write to an open router', {
      fix: 'name the origins, or list tokens with --auth-file instead of --open',
      facts: { origin: everybody },
    });
  }
}
