// Counting what is served against the budgets that the owner's rules set: before it goes out, so
// that a budget is never overdrawn. What is refused says when to ask again.
import {
  callingCluster,
  splitFederatedId,
  type Call,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Budgets } from '../policies/contract.ts';
import type { BlobPeer, FollowItem, SyncPeer } from './wire.ts';

const fixedBytes = 64; // a change's, an entry's own fields
const headBytes = 512; // a position, a signature and a short path

export type Spending = Pick<Budgets, 'spend'>;

/** The same answers, each piece paid for by the peer that asks; BUDGET_EXHAUSTED ends them. */
export function spendingState(
  budgets: Spending,
  served: Pick<SyncPeer, 'follow' | 'digests' | 'entries'>,
): Pick<SyncPeer, 'follow' | 'digests' | 'entries'> {
  const paid = payer(budgets);
  return {
    follow: (input, call) =>
      paidItems(served.follow(input, call), (item) => paid(input.resource, call, itemBytes(item))),
    async digests(input, call) {
      const answer = await served.digests(input, call);
      const bytes = answer.children.reduce((sum, each) => sum + each.length, 0);
      await paid(input.resource, call, bytes);
      return answer;
    },
    async entries(input, call) {
      const answer = await served.entries(input, call);
      const bytes = answer.entries.reduce(
        (sum, { key, value }) => sum + key.length + value.length + fixedBytes,
        0,
      );
      await paid(input.resource, call, bytes);
      return answer;
    },
  };
}

export function spendingBlobs(budgets: Spending, served: BlobPeer): BlobPeer {
  const paid = payer(budgets);
  return {
    async manifest(input, call) {
      const answer = await served.manifest(input, call);
      await paid(input.resource, call, answer.chunks.length);
      return answer;
    },
    chunks: (input, call) =>
      paidItems(served.chunks(input, call), ({ length }) => paid(input.resource, call, length)),
    contents: (input, call) =>
      paidItems(served.contents(input, call), (group) =>
        paid(
          input.resource,
          call,
          group.reduce((sum, { bytes }) => sum + bytes.length, 0),
        ),
      ),
    sources: (input, call) => served.sources(input, call),
  };
}

type Pay = (resource: FederatedId, call: Call | undefined, bytes: number) => Promise<void>;

/** What a peer reads back of its own is nobody's to count. */
function payer(budgets: Spending): Pay {
  return async (resource, call, bytes) => {
    const peer: ClusterId = callingCluster(call);
    if (splitFederatedId(resource).owner !== peer) {
      await budgets.spend(peer, resource, bytes);
    }
  };
}

async function* paidItems<T>(
  items: AsyncIterable<T>,
  pay: (item: T) => Promise<void>,
): AsyncIterable<T> {
  for await (const item of items) {
    await pay(item);
    yield item;
  }
}

function itemBytes(item: FollowItem): number {
  return 'head' in item
    ? headBytes
    : item.change.change.ops.reduce(
        (sum, op) =>
          sum +
          fixedBytes +
          ('put' in op ? op.put.key.length + op.put.value.length : op.delete.key.length),
        fixedBytes,
      );
}
