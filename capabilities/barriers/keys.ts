// What stands in the store for barriers: each meeting, and who is there, under leases.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';

export interface MeetingRecord {
  readonly parties: number;
  readonly generation: number;
  readonly open: boolean;
}

export interface MemberRecord {
  readonly ttlSeconds: number;
}

export interface GenerationRecord {
  readonly last: number;
}

export interface BarrierTables {
  /** By name. */
  readonly meetings: Table<MeetingRecord>;
  /** By name and participant. */
  readonly members: Table<MemberRecord>;
  /** One row: the generation that was given last. */
  readonly generations: Table<GenerationRecord>;
}

const natural = z.number().int().nonnegative();
const meetingSchema: z.ZodType<MeetingRecord> = z.object({
  parties: natural,
  generation: natural,
  open: z.boolean(),
});
const memberSchema: z.ZodType<MemberRecord> = z.object({ ttlSeconds: natural });
const generationSchema: z.ZodType<GenerationRecord> = z.object({ last: natural });

export function barrierTables(store: KeyValueStore, codec: Codec): BarrierTables {
  const base = { store, codec };
  return {
    meetings: table({ ...base, name: 'barrier', schema: meetingSchema }),
    members: table({ ...base, name: 'barrier-member', schema: memberSchema }),
    generations: table({ ...base, name: 'barrier-generation', schema: generationSchema }),
  };
}
