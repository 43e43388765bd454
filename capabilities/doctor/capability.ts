// Ties the doctor to its host: for people, for linked clusters, and the door at which nodes try
// whether they reach each other.
import { capability, type Capability } from '@hansa/foundation';
import { doctorContract } from './contract.ts';
import type { DoctorNeeds } from './looking.ts';
import { createDoctorPeer } from './peer-service.ts';
import { answerVisits } from './reaching.ts';
import { createDoctor } from './service.ts';
import { doctorPeerContract } from './wire.ts';

export function doctorCapability(needs: DoctorNeeds): Capability {
  return capability({
    name: 'doctor',
    serves: [{ contract: doctorContract, service: createDoctor(needs) }],
    servesPeers: [{ contract: doctorPeerContract, service: createDoctorPeer(needs) }],
    async start() {
      if (needs.transport !== undefined) {
        answerVisits(needs.transport, needs.clock);
      }
    },
  });
}
