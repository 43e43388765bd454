// Ties documents to their host: a contract for people, a kind for sync.
import { capability, type Capability } from '@hansa/foundation';
import { documentContract } from './contract.ts';
import { createDocuments, type DocumentNeeds } from './service.ts';

export function documentCapability(needs: DocumentNeeds): Capability {
  const { documents, kind, laneKind } = createDocuments(needs);
  needs.mirrors.registerKind(kind);
  needs.lanes.registerKind(laneKind);
  return capability({
    name: 'document',
    serves: [{ contract: documentContract, service: documents }],
  });
}
