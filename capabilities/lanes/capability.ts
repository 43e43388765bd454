// Ties lanes to their host: for people, for the clusters that write, and the two duties.
import { capability, type Capability, type ErrorReport } from '@hansa/foundation';
import { conflictWarnings } from './conflicts.ts';
import { lanesContract, type Lanes, type LaneWriting } from './contract.ts';
import { laneParts, type LanesNeeds } from './parts.ts';
import { createLanePeer, keepPromoting } from './receiving.ts';
import { createLanes } from './service.ts';
import { lanePeerContract } from './wire.ts';
import { createLaneWriting, keepOffering } from './writing.ts';

export function lanesCapability(needs: LanesNeeds): {
  readonly capability: Capability;
  readonly lanes: LaneWriting;
  readonly listing: Pick<Lanes, 'list'>;
  /** What waits for a person. */
  warnings(): readonly ErrorReport[];
} {
  const parts = laneParts(needs);
  const caches = new AbortController();
  const service = createLanes(parts);
  return {
    listing: service,
    warnings: () => conflictWarnings(parts),
    lanes: createLaneWriting(parts),
    capability: capability({
      name: 'lanes',
      serves: [{ contract: lanesContract, service }],
      servesPeers: [{ contract: lanePeerContract, service: createLanePeer(parts) }],
      duties: [
        { name: 'lanes.offer', run: (signal) => keepOffering(parts, signal) },
        { name: 'lanes.promote', run: (signal) => keepPromoting(parts, signal) },
      ],
      async start() {
        const { signal } = caches;
        const tables = [parts.written, parts.received, parts.conflicts];
        await Promise.all(tables.map((each) => each.start(signal, needs.clock)));
      },
      stop: async () => caches.abort(),
    }),
  };
}
