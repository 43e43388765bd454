// The local network: what nodes say there are claims. Each is proven by dialling the node it names
// and asking the cluster behind it for its signed announcement; until then it leads nobody
// anywhere.
import {
  deadline,
  HansaError,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type ErrorReport,
  type Log,
} from '@hansa/foundation';
import type { Peers, Reaching } from '../links/contract.ts';
import type { Announcing } from './announcing.ts';
import type { Book } from './book.ts';
import type { Hearing } from './hearing.ts';
import type { LanClaim, LocalNetwork } from './parts.ts';
import { discoveryPeerContract } from './wire.ts';

export const claimsMax = 64; // clusters whose claims are remembered; anybody near can claim
const askingMax = 4; // dialled at the same time: a liar's claims cost a few sockets
// on one network an answer takes milliseconds; a silent one frees its place
const askTimeoutMs = 10_000;
const againMinMs = 5_000; // after a claim that could not be proven, doubled each time
const againMaxMs = 300_000; // a cluster that cannot be proven is asked every five minutes at worst
// both sides ask each other over one connection: whoever is first must not end it for the other
const lingerMs = 5_000;

export interface Claim {
  readonly claim: LanClaim;
  readonly heardMs: number;
  /** Absent while it is being proven, and afterwards. */
  readonly problem?: ErrorReport | undefined;
}

export interface Lan {
  /** Those that are not proven. */
  claims(): readonly Claim[];
  ask(): void;
  run(signal: AbortSignal): Promise<void>;
}

export interface LanNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly network: LocalNetwork;
  readonly announcing: Announcing;
  readonly hearing: Hearing;
  readonly book: Book;
  readonly peers: Peers;
  readonly reaching: Reaching;
  readonly self: ClusterId;
}

interface Held {
  claim: LanClaim;
  heardMs: number;
  problem: ErrorReport | undefined;
  proven: boolean;
  asking: boolean;
  waitMs: number;
  /** On the monotonic clock. */
  againMs: number;
}

export function createLan(needs: LanNeeds): Lan {
  const { network, announcing, reaching, self } = needs;
  const held = new Map<ClusterId, Held>();
  return {
    claims: () => [...held.values()].filter(({ proven }) => !proven),
    ask: () => network.ask(),
    async run(signal) {
      const stop = announcing.subscribe(() => network.speak());
      const running = network.run(
        {
          word() {
            const said = announcing.present();
            const [here] = reaching.ownEndpoints();
            const port = here === undefined ? undefined : portOf(here.addresses);
            return said === undefined || here === undefined || port === undefined
              ? undefined
              : { cluster: self, node: here.node, counter: said.counter, port };
          },
          heard(claim) {
            if (claim.cluster !== self) {
              heard(needs, held, { claim, signal });
            }
          },
        },
        signal,
      );
      await running.finally(stop);
    },
  };
}

function portOf(addresses: readonly string[]): number | undefined {
  const ports = addresses.map((address) => Number(/:(\d{1,5})$/.exec(address)?.[1]));
  return ports.find((port) => Number.isInteger(port) && port > 0);
}

function heard(
  needs: LanNeeds,
  held: Map<ClusterId, Held>,
  given: { readonly claim: LanClaim; readonly signal: AbortSignal },
): void {
  const { clock, book } = needs;
  const { claim, signal } = given;
  const one = held.get(claim.cluster) ?? newClaim(held, claim);
  const moved = one.claim.address !== claim.address || one.claim.node !== claim.node;
  one.heardMs = clock.now();
  const known = book.find(claim.cluster);
  const nothingNew = one.proven && !moved && (known?.counter ?? 0) >= claim.counter;
  const under = [...held.values()].filter(({ asking }) => asking).length;
  if (nothingNew || one.asking || under >= askingMax || one.againMs > clock.monotonicMs()) {
    return;
  }
  one.claim = claim;
  one.proven = one.proven && !moved;
  one.asking = true;
  void prove(needs, one, signal);
}

/** The claim that has been heard least lately makes room. */
function newClaim(held: Map<ClusterId, Held>, claim: LanClaim): Held {
  const made: Held = {
    claim,
    heardMs: 0,
    problem: undefined,
    proven: false,
    asking: false,
    waitMs: againMinMs,
    againMs: 0,
  };
  const [idlest] = [...held].toSorted(([, a], [, b]) => a.heardMs - b.heardMs);
  if (held.size >= claimsMax && idlest !== undefined) {
    held.delete(idlest[0]);
  }
  held.set(claim.cluster, made);
  return made;
}

async function prove(needs: LanNeeds, one: Held, signal: AbortSignal): Promise<void> {
  const { clock, log } = needs;
  const { cluster } = one.claim;
  const reason = (): Error => new HansaError('TIMED_OUT', 'nobody proved the claim in time');
  const limit = deadline(clock, askTimeoutMs, { reason, signal });
  try {
    await fetchFrom(needs, one.claim, { limit: limit.signal, signal });
    one.proven = true;
    one.problem = undefined;
    one.waitMs = againMinMs;
  } catch (error) {
    one.problem = reportOf(error);
    one.againMs = clock.monotonicMs() + one.waitMs;
    one.waitMs = Math.min(one.waitMs * 2, againMaxMs);
    log.event('discovery.unproven', {
      cluster,
      address: one.claim.address,
      code: one.problem.code,
    });
  } finally {
    one.asking = false;
    limit.done();
  }
}

async function fetchFrom(
  { clock, peers, reaching, hearing }: LanNeeds,
  { cluster, node, address }: LanClaim,
  { limit, signal }: { readonly limit: AbortSignal; readonly signal: AbortSignal },
): Promise<void> {
  const near = { node, addresses: [address] };
  const met = peers.connected(cluster) && peers.standing(cluster).active;
  const meeting = met
    ? { carrier: peers.observer(cluster), leave: () => undefined }
    : await reaching.meet(near, cluster, limit);
  try {
    const wire = remote(discoveryPeerContract, meeting.carrier);
    const { announcement } = await wire.present({}, { signal: limit });
    if (announcement.cluster !== cluster) {
      throw new HansaError('ANNOUNCEMENT_INVALID', 'it handed over another cluster’s announcement');
    }
    // Over a link that was up before nobody proved that the address leads there.
    await hearing.announced(announcement, met ? { source: 'mdns' } : { source: 'mdns', near });
  } finally {
    const leave = (): void => meeting.leave();
    void clock.sleep(lingerMs, signal).then(leave, leave);
  }
}
