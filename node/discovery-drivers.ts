// The ways of finding clusters that the owner has switched on, opened on real sockets.
import type { DiscoveryOptions } from '@hansa/capabilities/discovery/capability';
import { openDhtDirectory } from '@hansa/discovery-dht';
import { createMdnsNetwork } from '@hansa/discovery-mdns';
import type { Clock, Crypto, Log } from '@hansa/foundation';
import type { Config } from './config.ts';

export async function openDiscovery(
  base: {
    readonly config: Config;
    readonly clock: Clock;
    readonly log: Log;
    readonly undo: (() => Promise<unknown>)[];
  },
  crypto: Crypto,
): Promise<DiscoveryOptions> {
  const { config, clock, log, undo } = base;
  const { linkHost, gossip, mdns, dht, dhtBootstrap, relays } = config;
  const lan = mdns ? createMdnsNetwork({ host: linkHost, clock, log }) : undefined;
  if (!dht) {
    return { gossip, lan, relays };
  }
  // Where links stay on loopback, so does this.
  const bind = { host: linkHost === '127.0.0.1' ? linkHost : '0.0.0.0', port: 0 };
  const directory = await openDhtDirectory({ bind, bootstrap: dhtBootstrap, crypto, log });
  undo.push(() => directory.close());
  return { gossip, lan, directory, relays };
}
