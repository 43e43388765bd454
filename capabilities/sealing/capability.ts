// Ties sealing to its host: what people ask, and the duty that ends rotations.
import { capability, type Capability } from '@hansa/foundation';
import { sealingContract } from './contract.ts';
import type { Seals } from './seals.ts';
import { createSealing } from './service.ts';

export type { ResealedPiece, Seals, SealState } from './seals.ts';

/** Without seals, nothing is sealed. */
export function sealingCapability(seals: Seals | undefined): Capability {
  const { sealing, run } = createSealing(seals);
  return capability({
    name: sealingContract.name,
    serves: [{ contract: sealingContract, service: sealing }],
    duties: seals === undefined ? [] : [{ name: 'sealing.rotate', run }],
  });
}
