// Scrubbing as the node hosts it: the parts that every node has, and those that others add.
import {
  capability,
  type Capability,
  type ErrorReport,
  type StoreInspection,
} from '@hansa/foundation';
import { createBlobPart, type BlobCopies, type BlobPartNeeds } from './blob-part.ts';
import { scrubContract, type ScrubParts } from './contract.ts';
import { createMirrorPart, createResourcePart, type MirrorPartNeeds } from './history-parts.ts';
import { createScrub, type ScrubNeeds } from './service.ts';
import { createStorePart, type StorePartNeeds } from './store-part.ts';

export type { BlobCopies };

export interface ScrubCapabilityNeeds extends ScrubNeeds, BlobPartNeeds, MirrorPartNeeds {
  /** The whole store, of which `store` is the part that is kept here. */
  readonly whole: StorePartNeeds['store'];
  /** Absent where the engine keeps copies by itself. */
  readonly inspection?: StoreInspection | undefined;
}

export function scrubCapability(needs: ScrubCapabilityNeeds): {
  readonly capability: Capability;
  readonly parts: ScrubParts;
  warnings(): readonly ErrorReport[];
} {
  const { inspection, whole } = needs;
  const service = createScrub(needs, [
    // First: what it takes out, the others put right.
    ...(inspection === undefined ? [] : [createStorePart({ store: whole, inspection })]),
    createResourcePart(needs),
    createMirrorPart(needs),
    createBlobPart(needs),
  ]);
  return {
    parts: service.parts,
    warnings: () => service.warnings(),
    capability: capability({
      name: scrubContract.name,
      serves: [{ contract: scrubContract, service: service.scrub }],
      duties: [{ name: 'scrub.keep', run: (signal) => service.keep(signal) }],
      start: () => service.load(),
      stop: () => service.stop(),
    }),
  };
}
