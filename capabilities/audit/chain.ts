// One cluster's audit as it is read: our own, or the mirror of another's.
import {
  federatedId,
  splitFederatedId,
  type ClusterId,
  type Codec,
  type Crypto,
  type FederatedId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { auditId, auditKind } from './contract.ts';
import { anchorKey, readAnchor, readPoint, readRecord, recordKey, tailKey } from './keys.ts';
import { firstHash, type AuditAnchor, type AuditPoint, type AuditRecord } from './record.ts';

export interface ChainNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly signer: Pick<Signer, 'cluster' | 'name'>;
  readonly resources: ResourceLog;
  readonly mirrors: Pick<Mirrors, 'all' | 'find' | 'view'>;
}

/** Where entries come from: the log of an own resource, or a mirror's view. */
export interface EntrySource {
  entry(key: Uint8Array): Promise<ResourceEntry | undefined>;
  entries(): AsyncIterable<ResourceEntry>;
}

export interface AuditChain extends EntrySource {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly own: boolean;
  /** Undefined where nothing was ever written. */
  tail(): Promise<AuditPoint | undefined>;
  anchor(): Promise<AuditAnchor | undefined>;
  /** Undefined where it is not there, and where what is there is no record. */
  record(sequence: number): Promise<AuditRecord | undefined>;
  /** What the first record that is still here follows. */
  start(): Promise<AuditPoint>;
}

export function ownChain(needs: ChainNeeds): AuditChain {
  const { resources, signer } = needs;
  const there = (): boolean => resources.find(auditId) !== undefined;
  return chainReader(needs, signer, {
    own: true,
    entry: async (key) => (there() ? resources.entry(auditId, key) : undefined),
    async *entries() {
      if (there()) {
        yield* resources.entries(auditId);
      }
    },
  });
}

/** Undefined where the cluster's audit is not mirrored, or nothing of it has arrived. */
export async function mirroredChain(
  needs: ChainNeeds,
  cluster: ClusterId,
): Promise<AuditChain | undefined> {
  const resource = federatedId(cluster, auditId);
  const mirror = needs.mirrors.find(resource);
  const view = mirror === undefined ? undefined : await needs.mirrors.view(resource);
  if (mirror === undefined || view === undefined) {
    return undefined;
  }
  return chainReader(
    needs,
    { cluster, name: mirror.ownerName },
    { own: false, entry: (key) => view.entry(key), entries: () => view.entries() },
  );
}

/** Our own first, then every mirror of which something has arrived. */
export async function allChains(needs: ChainNeeds): Promise<readonly AuditChain[]> {
  const owners = needs.mirrors
    .all()
    .filter(({ resource }) => isAudit(resource))
    .map(({ owner }) => owner);
  const mirrored = await Promise.all(owners.map((owner) => mirroredChain(needs, owner)));
  return [ownChain(needs), ...mirrored.flatMap((each) => each ?? [])];
}

export function isAudit(resource: FederatedId): boolean {
  const { kind, local } = splitFederatedId(resource);
  return kind === auditKind && local === auditId;
}

export function chainReader(
  { codec, crypto }: ChainNeeds,
  { cluster, name }: { readonly cluster: ClusterId; readonly name: string },
  source: EntrySource & { readonly own: boolean },
): AuditChain {
  const anchor = async (): Promise<AuditAnchor | undefined> => {
    const entry = await source.entry(anchorKey);
    return entry === undefined ? undefined : readAnchor(codec, entry.value);
  };
  return {
    ...source,
    cluster,
    name,
    anchor,
    async tail() {
      const entry = await source.entry(tailKey);
      return entry === undefined ? undefined : readPoint(codec, entry.value);
    },
    async record(sequence) {
      const entry = await source.entry(recordKey(sequence));
      const record = entry === undefined ? undefined : readRecord(codec, entry.value);
      return record?.sequence === sequence ? record : undefined;
    },
    async start() {
      const at = await anchor();
      return at === undefined
        ? { sequence: 0, hash: firstHash(crypto, cluster) }
        : { sequence: at.sequence, hash: at.hash };
    },
  };
}
