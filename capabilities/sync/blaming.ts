// Who answers for what came and was found wanting: whoever delivered it, or the owner that signed
// it. What our own disk has spoilt is nobody else's.
import { HansaError, isHansaError, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { Blame } from './blob-sources.ts';
import type { MirrorBlame } from './contract.ts';
import type { Copies } from './copies.ts';

export interface BlamingNeeds {
  readonly copies: Pick<Copies, 'applied' | 'trie'>;
  accuse?(blame: MirrorBlame): void;
}

/** Anybody on the way could have made this of something good. */
const deliverersCodes = ['HEAD_INVALID', 'CHANGE_GAP', 'CHANGE_TOO_LARGE'] as const;

/** Under the owner's signature, or about what it says. */
const ownersCodes = [
  'CHANGE_INVALID',
  'DIGEST_MISMATCH',
  'HEAD_FORKED',
  'GIT_OBJECTS_INVALID',
  'GIT_CLOSURE_INCOMPLETE',
] as const;

/**
 * Does the work; what it finds wrong with what came is told. The changes of a resource come from
 * its owner alone, so that today both answers name the same cluster.
 */
export async function answerFor(
  needs: BlamingNeeds,
  resource: FederatedId,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const answersAs = whoAnswers(error);
    if (isHansaError(error) && answersAs !== undefined && !(await isOurs(needs, resource, error))) {
      const { owner: peer } = splitFederatedId(resource);
      needs.accuse?.({ peer, answersAs, resource, error });
    }
    throw error;
  }
}

/** Of several sources, each answers for its own bytes. */
export function accuseOfBytes(
  needs: Pick<BlamingNeeds, 'accuse'>,
  resource: FederatedId,
  { peer, code, evidence }: Blame,
): void {
  const sentence = `bytes of ${resource} came that do not hash to what its owner signed`;
  const error = new HansaError(code, sentence, { facts: evidence });
  needs.accuse?.({ peer, answersAs: 'deliverer', resource, error });
}

function whoAnswers(error: unknown): MirrorBlame['answersAs'] | undefined {
  if (deliverersCodes.some((code) => isHansaError(error, code))) {
    return 'deliverer';
  }
  return ownersCodes.some((code) => isHansaError(error, code)) ? 'owner' : undefined;
}

/** A digest that does not come out may be the fault of entries that changed by themselves here. */
async function isOurs(
  { copies }: BlamingNeeds,
  resource: FederatedId,
  error: HansaError,
): Promise<boolean> {
  const applied = copies.applied.find(resource)?.value;
  if (!isHansaError(error, 'DIGEST_MISMATCH') || applied === undefined) {
    return false;
  }
  return !(await copies.trie(resource, applied.epoch)).sound;
}
