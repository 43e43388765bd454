// Ties identity to its host: the contract it serves, and the duty that renews the certificate.
import { capability, type Capability, type Clock } from '@hansa/foundation';
import { identityContract } from './contract.ts';
import type { IdentityService } from './service.ts';

export { createIdentity, identityIsKnown, type IdentityService, type KeySeeds } from './service.ts';

const renewCheckMs = 3_600_000; // a certificate lives for days; an hour late is nothing

export function identityCapability(service: IdentityService, clock: Clock): Capability {
  return capability({
    name: 'identity',
    serves: [{ contract: identityContract, service: service.identity }],
    duties:
      service.problem === undefined
        ? [
            {
              name: 'identity.renew',
              async run(signal) {
                for (;;) {
                  await service.renew();
                  await clock.sleep(renewCheckMs, signal);
                }
              },
            },
          ]
        : [],
    start: async () => {
      if (service.problem === undefined) {
        await service.renew();
      }
    },
  });
}
