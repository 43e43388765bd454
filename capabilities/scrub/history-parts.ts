// Resources of ours against their digests and chains, and mirrors against the digests that they
// were applied with.
import {
  federatedId,
  reportOf,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type LocalId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { HeldCopies } from '../recovery/contract.ts';
import type { ResourceEntry, ResourceLog, ResourceProblem } from '../resources/contract.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { ScrubPart, ScrubRound } from './contract.ts';

const mendWaitMs = 30_000; // an owner that is there answers within seconds
const mendLookMs = 250; // small mirrors are there at once, and a look reads all of one

export interface ResourcePartNeeds {
  readonly cluster: ClusterId;
  readonly resources: ResourceLog;
  readonly copies: HeldCopies;
}

export function createResourcePart(needs: ResourcePartNeeds): ScrubPart {
  const { resources, cluster } = needs;
  return {
    class: 'resources',
    async scrub(round) {
      for (const { id } of resources.all()) {
        round.signal.throwIfAborted();
        const inspected = await resources.inspect(id, round);
        round.looked();
        const [first] = inspected?.problems ?? [];
        if (inspected === undefined || first === undefined) {
          continue;
        }
        const name = federatedId(cluster, id);
        const found = { name, sentence: sentenceOf(inspected.problems), concerns: [name] };
        await round.found(
          round.repair
            ? { ...found, ...(await mend(needs, round, { id, problems: inspected.problems })) }
            : { ...found, reason: 'repair was not asked for' },
        );
      }
    },
  };
}

function sentenceOf(problems: readonly ResourceProblem[]): string {
  const [first] = problems;
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return `${first?.sentence ?? ''}${more}`;
}

type Outcome = { readonly from: string } | { readonly reason: string };

async function mend(
  { resources, copies }: ResourcePartNeeds,
  round: ScrubRound,
  { id, problems }: { readonly id: LocalId; readonly problems: readonly ResourceProblem[] },
): Promise<Outcome> {
  let asked = false;
  try {
    const { missing } = await resources.mend(id, {
      problems,
      candidates: async function* candidates(): AsyncIterable<ResourceEntry> {
        for (const peer of copies.holders(id)) {
          asked = true;
          yield* copies.entries(peer, id, round.signal);
        }
      },
    });
    if (missing > 0) {
      return { reason: `nobody who is connected has ${missing} of its entries` };
    }
    const after = await resources.inspect(id, round);
    const [left] = after?.problems ?? [];
    return left === undefined
      ? { from: asked ? 'a mirror of it' : 'its own history' }
      : { reason: left.sentence };
  } catch (error) {
    round.signal.throwIfAborted();
    return { reason: reportOf(error).message };
  }
}

export interface MirrorPartNeeds {
  readonly mirrors: Mirrors;
  readonly peers: Peers;
  readonly clock: Clock;
}

export function createMirrorPart(needs: MirrorPartNeeds): ScrubPart {
  const { mirrors } = needs;
  return {
    class: 'mirrors',
    async scrub(round) {
      for (const mirror of mirrors.all()) {
        round.signal.throwIfAborted();
        const { resource } = mirror;
        const problem = (await mirrors.inspect(resource, round))?.problem;
        round.looked();
        if (problem === undefined) {
          continue;
        }
        const found = { name: resource, sentence: problem, concerns: [resource] };
        await round.found(
          round.repair
            ? { ...found, ...(await readAgain(needs, round, mirror)) }
            : { ...found, reason: 'repair was not asked for' },
        );
      }
    },
  };
}

/** Asked of its owner; what differs comes again, and is verified as it was the first time. */
async function readAgain(
  { mirrors, peers, clock }: MirrorPartNeeds,
  round: ScrubRound,
  { resource, ownerName }: Mirror,
): Promise<Outcome> {
  mirrors.mend(resource);
  if (!peers.connected(splitFederatedId(resource).owner)) {
    return { reason: `${ownerName} is away; it is read again when the link is back` };
  }
  const untilMs = clock.monotonicMs() + mendWaitMs;
  while (clock.monotonicMs() < untilMs) {
    await clock.sleep(mendLookMs, round.signal);
    const seen = await mirrors.inspect(resource, round);
    if (seen !== undefined && seen.problem === undefined) {
      return { from: ownerName };
    }
  }
  return { reason: `${ownerName} has not answered yet` };
}
