// Every record of the store against its checksum. What can be made again from something else is
// taken out, so that it can be: entries, histories and digests of resources and mirrors. Of all
// else there is one copy alone, and only a backup has another.
import {
  reportOf,
  toHex,
  unpackKey,
  type DamagedRecord,
  type KeyValueStore,
  type StoreInspection,
} from '@hansa/foundation';
import { findingsMax, type ScrubPart, type ScrubRound } from './contract.ts';

/** Tables whose rows come back from a digest, a history, a mirror or its owner. */
const replaceable: Readonly<Record<string, readonly string[]>> = {
  resources: ['entry', 'change', 'checkpoint', 'blob', 'digest', 'digest-chunk', 'digest-page'],
  sync: ['entry', 'journal', 'digest', 'digest-chunk', 'digest-page'],
};

export interface StorePartNeeds {
  /** The whole of it. */
  readonly store: KeyValueStore;
  readonly inspection: StoreInspection;
}

export function createStorePart(needs: StorePartNeeds): ScrubPart {
  return {
    class: 'store',
    async scrub(round) {
      const all: DamagedRecord[] = [];
      let after: Uint8Array | undefined;
      do {
        round.signal.throwIfAborted();
        const piece = await needs.inspection.inspect(after);
        all.push(...piece.damaged.slice(0, findingsMax - all.length));
        round.looked(piece.records);
        await round.spend(piece.bytes);
        after = piece.after;
      } while (after !== undefined);
      const undigested = new Set(all.flatMap((each) => digestOf(placeOf(each))));
      for (const damaged of all) {
        await tell(needs, round, { damaged, undigested });
      }
    },
  };
}

/** Where a record of the store belongs, as far as its key says. */
interface Place {
  readonly scope: string;
  readonly table: string;
  /** The resource that it is a part of. */
  readonly of: string | undefined;
}

function placeOf({ key }: DamagedRecord): Place | undefined {
  try {
    const [scope, table, of] = key === undefined ? [] : unpackKey(key);
    return typeof scope === 'string' && typeof table === 'string'
      ? { scope, table, of: typeof of === 'string' ? of : undefined }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whose digest the record is a part of. */
function digestOf(place: Place | undefined): readonly string[] {
  const isDigest = place?.scope === 'resources' && place.table.startsWith('digest');
  return isDigest && place.of !== undefined ? [place.of] : [];
}

async function tell(
  needs: StorePartNeeds,
  round: ScrubRound,
  given: { readonly damaged: DamagedRecord; readonly undigested: ReadonlySet<string> },
): Promise<void> {
  const { damaged } = given;
  const place = placeOf(damaged);
  const where =
    damaged.key === undefined
      ? 'of the store’s history or leases'
      : `of ${place?.scope ?? 'what'}/${place?.table ?? 'cannot be told'}`;
  const reason = reasonToLeave(given, place);
  const outcome =
    reason === undefined && round.repair
      ? await takeOut(needs, damaged)
      : { reason: reason ?? 'repair was not asked for' };
  await round.found({
    name: toHex(damaged.record),
    sentence: `a record ${where} is not what was written`,
    concerns: place?.of === undefined ? [] : [place.of],
    ...outcome,
  });
}

/** Undefined where something else can make it again. */
function reasonToLeave(
  { damaged, undigested }: Parameters<typeof tell>[2],
  place: Place | undefined,
): string | undefined {
  if (damaged.key === undefined) {
    return undefined;
  }
  if (place === undefined || !(replaceable[place.scope] ?? []).includes(place.table)) {
    return 'there is no other copy: restore a backup';
  }
  const isEntry = place.scope === 'resources' && place.table === 'entry';
  // Without it, a digest that is made anew would be one of what is left, and signed.
  return isEntry && undigested.has(place.of ?? '')
    ? 'what would prove it is damaged too: restore a backup'
    : undefined;
}

/** Its place is made good by the classes that come after this one. */
async function takeOut(
  { store, inspection }: StorePartNeeds,
  { record, key }: DamagedRecord,
): Promise<{ readonly from: string } | { readonly reason: string }> {
  try {
    await inspection.setAside(record);
    if (key === undefined) {
      // Whoever catches up from the past would step over the hole: nobody may read it any more.
      await store.compact((await store.status()).revision);
    }
    return { from: 'what proves it: taken out, and written again' };
  } catch (error) {
    return { reason: reportOf(error).message };
  }
}
