// The linked clusters as other capabilities ask about them: their standing, and a way to call them.
import { HansaError, type Carrier, type ClusterId } from '@hansa/foundation';
import type { Pulse } from './beats.ts';
import type { TrustLevels } from '../trust/contract.ts';
import type { Peers, PeerStanding, ProgressSource } from './contract.ts';
import type { LinkRecord } from './keys.ts';
import type { LinkRecords } from './records.ts';
import type { PeerSession } from './sessions.ts';

const idPrefixMin = 4; // hex digits: fewer would mean another cluster by accident

export interface PeersNeeds {
  readonly records: LinkRecords;
  readonly trust: TrustLevels;
  readonly listeners: Set<(cluster: ClusterId) => void>;
  pulse(cluster: ClusterId): Pulse;
  session(cluster: ClusterId): PeerSession | undefined;
  setProgressSource(source: ProgressSource): void;
}

export function createPeers(needs: PeersNeeds): Peers {
  const { records, trust, listeners, session, setProgressSource } = needs;
  const standing = (cluster: ClusterId): PeerStanding => standingIn(needs, cluster);
  return {
    standing,
    all: () =>
      rowsOf(records)
        .filter((link) => !link.closed)
        .map((link) => standing(link.peer)),
    resolve: (nameOrId) => standing(peerCalled(records, nameOrId)),
    carrier: (cluster) => carrierTo(standing(cluster), session(cluster)),
    observer: (cluster) => carrierTo({ ...standing(cluster), mine: true }, session(cluster)),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connected: (cluster) => session(cluster) !== undefined,
    async expectBulk(cluster, bytes) {
      await session(cluster)?.roads?.bulk.expect(bytes);
    },
    road: (cluster) => session(cluster)?.roads?.state.best,
    hurry: (cluster) => needs.pulse(cluster).hurry(),
    setProgressSource,
    get generation() {
      // Both only rise: where either does, their sum does.
      return records.links.generation + trust.generation;
    },
  };
}

function rowsOf(records: LinkRecords): LinkRecord[] {
  return [...records.links.rows.values()].map(({ value }) => value);
}

function standingIn(
  { records, trust }: Pick<PeersNeeds, 'records' | 'trust'>,
  cluster: ClusterId,
): PeerStanding {
  const record = records.find(cluster);
  const level = trust.level(cluster);
  const open = record !== undefined && !record.closed && record.confirmedHere;
  return {
    cluster,
    name: record?.name,
    mine: record?.mine ?? false,
    theirs: record?.theirs ?? false,
    active: open && level !== 'blocked',
    trust: level,
    labels: record?.labels ?? {},
  };
}

function peerCalled(records: LinkRecords, nameOrId: string): ClusterId {
  const rows = rowsOf(records);
  const exact = rows.filter((link) => link.name === nameOrId || link.peer === nameOrId);
  const found =
    exact.length > 0 || nameOrId.length < idPrefixMin
      ? exact
      : rows.filter((link) => link.peer.startsWith(nameOrId));
  const [one, another] = found;
  if (one === undefined || another !== undefined) {
    const how = one === undefined ? 'no link is called' : 'several links begin with';
    throw new HansaError('LINK_NOT_FOUND', `${how} "${nameOrId}"`);
  }
  return one.peer;
}

function carrierTo(standing: PeerStanding, session: PeerSession | undefined): Carrier {
  const name = standing.name ?? `${standing.cluster.slice(0, 8)}…`;
  if (standing.trust === 'blocked') {
    throw blockedHere(standing);
  }
  if (standing.name === undefined) {
    throw new HansaError('LINK_NOT_FOUND', `no link to ${name}`);
  }
  if (!standing.active) {
    throw new HansaError('LINK_PENDING', `the link to ${name} is not confirmed here`);
  }
  if (!standing.mine) {
    throw new HansaError('LINK_NOT_OURS', `this cluster serves ${name} and holds no half-link`);
  }
  if (session === undefined) {
    throw new HansaError('LINK_DOWN', `${name} is not connected now`, {
      fix: `hansa link list shows since when and why`,
    });
  }
  return session.carrier;
}

export function blockedHere({ cluster, name }: Pick<PeerStanding, 'cluster' | 'name'>): HansaError {
  return new HansaError('CLUSTER_BLOCKED', `${name ?? `${cluster.slice(0, 8)}…`} is blocked here`);
}
