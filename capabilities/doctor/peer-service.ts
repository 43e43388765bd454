// What a peer is told of this end of the link. It costs a write and a dial: asked too often, what
// was found a moment ago is told again.
import {
  callingCluster,
  createRecent,
  HansaError,
  spokenBy,
  type ClusterId,
} from '@hansa/foundation';
import { tryStore, type DoctorNeeds } from './looking.ts';
import { tryToReach } from './reaching.ts';
import { sayingLengthMax, type DoctorPeer, type PeerView } from './wire.ts';

// a person asks again after reading the answer; a script that asks faster hears the same again
const pauseMs = 1_000;
const dialPauseMs = 5_000; // a dial that nobody answers takes as long
const callersMax = 1_024; // as many as there may be links

interface Asked {
  readonly atMs: number;
  /** Also while it is being found out: who asks meanwhile waits for it, too. */
  readonly view: Promise<PeerView>;
}

interface Dialled {
  readonly atMs: number;
  readonly view: PeerView['dialBack'];
}

export function createDoctorPeer(needs: DoctorNeeds): DoctorPeer {
  const callers = createRecent<ClusterId, Asked>(callersMax);
  const dialled = createRecent<ClusterId, Dialled>(callersMax);
  const { clock } = needs;
  const dialAgain = async (peer: ClusterId): Promise<PeerView['dialBack']> => {
    const known = dialled.get(peer);
    const nowMs = clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < dialPauseMs) {
      return known.view;
    }
    const view = await dial(needs, peer);
    dialled.set(peer, { atMs: nowMs, view });
    return view;
  };
  return {
    probe: async ({ payload }) => ({ receivedBytes: payload.length, nowMs: clock.now() }),
    async examine(_input, call) {
      const peer = callingCluster(call);
      const standing = needs.peers.standing(peer);
      if (standing.name === undefined) {
        throw new HansaError('LINK_NOT_FOUND', `${needs.signer.name} has no link with you`);
      }
      const before = callers.get(peer);
      const atMs = clock.monotonicMs();
      if (before !== undefined && atMs - before.atMs < pauseMs) {
        return before.view;
      }
      // Not ended with the call: others may wait for the same.
      const view = dialAgain(peer).then((dialBack) => viewOf(needs, peer, dialBack));
      callers.set(peer, { atMs, view });
      return view;
    },
  };
}

async function viewOf(
  needs: DoctorNeeds,
  peer: ClusterId,
  dialBack: PeerView['dialBack'],
): Promise<PeerView> {
  const { clock, links, keys, identity, mirrors, facts } = needs;
  const link = await links.show({ peer });
  const { certificate } = await identity.show({});
  const written = await tryStore(needs);
  const copies = new Map<string, number>();
  for (const { owner, state } of mirrors.all()) {
    if (owner === peer) {
      copies.set(state, (copies.get(state) ?? 0) + 1);
    }
  }
  return {
    nowMs: clock.now(),
    version: printable(facts.version),
    contracts: spokenBy(needs.contracts()),
    link: {
      status: link.status,
      reason: link.reason === undefined ? undefined : printable(link.reason),
      mine: link.mine,
      confirmed: link.confirmedHere,
      silentMs: link.silentMs,
      missing: link.missing,
    },
    keyIndexKnown: keys.present(peer).keyIndex,
    certificateLeftMs: Math.round((certificate?.notAfterMs ?? clock.now()) - clock.now()),
    store:
      written.error === undefined
        ? { writable: true, saying: `a write was on the disk after ${written.value} ms` }
        : { writable: false, saying: printable(written.error.message) },
    copies: Object.fromEntries(copies),
    dialBack,
  };
}

async function dial(
  { transport, clock, links }: DoctorNeeds,
  peer: ClusterId,
): Promise<PeerView['dialBack']> {
  const { endpoints } = await links.show({ peer });
  if (transport === undefined || endpoints.length === 0) {
    return { tried: false, reached: false, saying: 'no address of yours is known here' };
  }
  const reach = await tryToReach({ transport, clock }, endpoints, undefined);
  const at = reach.addresses.join(', ');
  return {
    tried: true,
    reached: reach.reached,
    saying: printable(
      reach.reached
        ? `reached at ${at} in ${reach.tookMs} ms`
        : `not reached at ${at}: ${reach.error?.message ?? 'nothing was tried'}`,
    ),
  };
}

function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?').slice(0, sayingLengthMax);
}
