// Ties spaces to their host: a contract for people, a kind for sync, the duties that forget.
import { capability, type Capability } from '@hansa/foundation';
import { kvContract } from './contract.ts';
import { createKv, type KvNeeds } from './service.ts';

export function kvCapability(needs: KvNeeds): Capability {
  const { kv, kind, laneKind, keepSweeping, keepEnding } = createKv(needs);
  needs.mirrors.registerKind(kind);
  needs.lanes.registerKind(laneKind);
  return capability({
    name: 'kv',
    serves: [{ contract: kvContract, service: kv }],
    duties: [
      { name: 'kv.sweep', run: keepSweeping },
      { name: 'kv.leases', run: keepEnding },
    ],
  });
}
