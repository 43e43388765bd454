// The daemon's view of itself, gathered from the capabilities' contracts and the process's own
// facts.
import {
  laneTarget,
  splitFederatedId,
  type Clock,
  type ErrorReport,
  type KeyValueStore,
  type StoreStatus,
} from '@hansa/foundation';
import type { Identity } from '../identity/contract.ts';
import type { Links } from '../links/contract.ts';
import type { Policies, TrustLevel } from '../policies/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { Trust } from '../trust/contract.ts';
import type { Daemon, DaemonStatus, Setting } from './contract.ts';

/** What only the process knows. */
export interface ProcessFacts {
  readonly version: string;
  readonly pid: number;
  readonly data: string;
  readonly settings: readonly Setting[];
  /** The API's address; known once it listens. */
  api(): string;
  addresses(): readonly string[];
  memoryBytes(): number;
  /** Where the data lies; undefined where that cannot be told. */
  freeBytes?(): number | undefined;
  /** Begins the ordered stop, after the answer is out. */
  stop(): void;
}

export interface DaemonNeeds {
  readonly clock: Clock;
  readonly store: Pick<KeyValueStore, 'status'>;
  readonly identity: Pick<Identity, 'show'>;
  readonly links: Pick<Links, 'list'>;
  readonly policies: Pick<Policies, 'list'>;
  readonly trust: Pick<Trust, 'list' | 'requests'>;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  /** What other capabilities have found that a person has to act on. */
  warnings(): readonly ErrorReport[];
  readonly facts: ProcessFacts;
}

export function createDaemon(needs: DaemonNeeds): Daemon {
  const { clock, store, identity, links, policies, trust, resources, mirrors, facts } = needs;
  const startedMs = clock.monotonicMs();
  return {
    async status() {
      const [profile, linked, ruled, judged, asking, engine] = await Promise.all([
        identity.show({}),
        links.list({}),
        policies.list({}),
        trust.list({}),
        trust.requests({}),
        store.status(),
      ]);
      const judgedAs = (wanted: TrustLevel): number =>
        judged.judgements.filter(({ level }) => level === wanted).length;
      const { cluster, name, node, federation, problem, certificate } = profile;
      return {
        cluster,
        name,
        node,
        federation,
        problem,
        warnings: [...profile.warnings, ...needs.warnings(), ...storeWarnings(engine)],
        certificate: certificate && {
          keyIndex: profile.keyIndex,
          serial: certificate.serial,
          leftMs: certificate.notAfterMs - clock.now(),
        },
        version: facts.version,
        pid: facts.pid,
        uptimeMs: Math.round(clock.monotonicMs() - startedMs),
        data: facts.data,
        api: facts.api(),
        addresses: facts.addresses(),
        store: {
          engine: engine.engine,
          durability: engine.durability,
          revision: engine.revision,
          sizeBytes: engine.sizeBytes,
        },
        resources: resources.all().length,
        rules: ruled.rules.length,
        trust: {
          trusted: judgedAs('trusted'),
          blocked: judgedAs('blocked'),
          requests: asking.requests.length,
        },
        links: linked.links
          .filter((link) => link.status !== 'closed')
          .map((link) => ({
            name: link.name,
            peer: link.peer,
            status: link.status,
            reason: link.reason,
          })),
        mirrors: mirrors.all().filter(isNoLane).map(mirrorLine),
        memoryBytes: facts.memoryBytes(),
      };
    },
    config: async () => ({ settings: facts.settings }),
    async stop() {
      facts.stop();
      return { pid: facts.pid };
    },
  };
}

/** What others write for us is shown as lanes. */
function isNoLane({ resource }: Mirror): boolean {
  return laneTarget(splitFederatedId(resource).local) === undefined;
}

function mirrorLine({ ownerName, name, state, applied }: Mirror): DaemonStatus['mirrors'][number] {
  return { mirror: `${ownerName}:${name}`, state, sequence: applied?.sequence };
}

/** Of a store that answers and still cannot do its work. */
function storeWarnings({ problem }: StoreStatus): readonly ErrorReport[] {
  return problem === undefined ? [] : [problem];
}
