// What an owner may ask of us back: only its own, and only what we hold of it.
import {
  callingCluster,
  compareBytes,
  HansaError,
  splitFederatedId,
  type Call,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';
import type { Head, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors, MirrorView } from '../sync/contract.ts';
import { pageBytesMax, pageEntriesMax, type EntriesPage, type RecoveryPeer } from './wire.ts';

export interface WitnessNeeds {
  readonly cluster: ClusterId;
  readonly resources: ResourceLog;
  readonly enforcement: Enforcement;
  readonly mirrors: Pick<Mirrors, 'head' | 'view'>;
}

interface Copy {
  readonly head: Head;
  readonly view: MirrorView;
}

export function createRecoveryPeer(needs: WitnessNeeds): RecoveryPeer {
  const { mirrors } = needs;
  return {
    async witness({ resources }, call) {
      const owner = callingCluster(call);
      const heads = resources.map((resource) =>
        splitFederatedId(resource).owner === owner ? (mirrors.head(resource) ?? null) : null,
      );
      return { heads };
    },
    async positions({ resources }, call) {
      const readable = needs.enforcement.visible(callingCluster(call), 'pull');
      const asked = resources.map(async (resource) => {
        const { owner, local } = splitFederatedId(resource);
        const position =
          owner === needs.cluster && readable.has(local)
            ? await needs.resources.position(local)
            : undefined;
        return position === undefined
          ? null
          : { epoch: position.epoch, sequence: position.sequence };
      });
      return { positions: await Promise.all(asked) };
    },
    async entries({ resource, after }, call) {
      return pageOf(await copyFor(needs, resource, call), after);
    },
  };
}

/** One answer for what is not held and for what is not the asker's. */
async function copyFor(
  { mirrors }: WitnessNeeds,
  resource: FederatedId,
  call: Call | undefined,
): Promise<Copy> {
  const mine = splitFederatedId(resource).owner === callingCluster(call);
  const head = mine ? mirrors.head(resource) : undefined;
  const view = mine ? await mirrors.view(resource) : undefined;
  if (head === undefined || view === undefined) {
    throw new HansaError('MIRROR_NOT_FOUND', 'no mirror of yours by that id is here');
  }
  return { head, view };
}

async function pageOf({ head, view }: Copy, after: Uint8Array | undefined): Promise<EntriesPage> {
  const entries: ResourceEntry[] = [];
  let bytes = 0;
  for await (const entry of view.entries()) {
    if (after !== undefined && compareBytes(entry.key, after) <= 0) {
      continue;
    }
    const size = entry.key.length + entry.value.length + 256 * (1 + entry.blobs.length);
    if (entries.length > 0 && (bytes + size > pageBytesMax || entries.length >= pageEntriesMax)) {
      return { head, entries, last: false };
    }
    entries.push(entry);
    bytes += size;
  }
  return { head, entries, last: true };
}
