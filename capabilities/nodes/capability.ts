// Ties the nodes of a cluster to their host.
import { capability, type Capability } from '@hansa/foundation';
import { nodesContract } from './contract.ts';
import { createNodes, type NodesNeeds } from './service.ts';

export { campaign, type Term } from './electing.ts';
export { claimTicket, keepPresence, ownMode, type Joined } from './membership.ts';
export { nodesScope, nodeTables } from './keys.ts';
export { readTicket, type TicketContent } from './ticket.ts';
export type { LoneNode, NodesHost } from './uses.ts';

export function nodesCapability(needs: NodesNeeds): Capability {
  return capability({
    name: 'nodes',
    serves: [{ contract: nodesContract, service: createNodes(needs) }],
  });
}
