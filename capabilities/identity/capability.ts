// Ties identity to its host: the contracts it serves, the duties that renew the certificate and
// tell peers of a rotation.
import { capability, type Capability, type Clock, type Duty } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { identityContract } from './contract.ts';
import type { IdentityService } from './service.ts';
import { identityPeerContract } from './wire.ts';

export {
  createIdentity,
  foundedCluster,
  identityIsKnown,
  type IdentityService,
  type KeySeeds,
  type KeyVault,
} from './service.ts';

const renewCheckMs = 3_600_000; // a certificate lives for days; an hour late is nothing

export function identityCapability(
  service: IdentityService,
  { clock, peers }: { readonly clock: Clock; readonly peers?: Peers | undefined },
): Capability {
  if (peers !== undefined) {
    service.attach(peers);
  }
  const caches = new AbortController();
  return capability({
    name: 'identity',
    serves: [{ contract: identityContract, service: service.identity }],
    servesPeers: [{ contract: identityPeerContract, service: service.peer }],
    duties: service.problem === undefined ? dutiesOf(service, clock) : [],
    start: async () => {
      await service.start(caches.signal);
      if (service.problem === undefined) {
        await service.renew();
      }
    },
    stop: async () => caches.abort(),
  });
}

function dutiesOf(service: IdentityService, clock: Clock): readonly Duty[] {
  return [
    {
      name: 'identity.renew',
      async run(signal) {
        for (;;) {
          await service.renew();
          await clock.sleep(renewCheckMs, signal);
        }
      },
    },
    { name: 'identity.tell', run: (signal) => service.keepTelling(signal) },
  ];
}
