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
  type TupleValue,
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
      const undigested = new Set(all.flatMap(({ key }) => digestOf(partsOf(key))));
      for (const damaged of all) {
        await tell(needs, round, { damaged, undigested });
      }
    },
  };
}

/** Whose digest the record is a part of. */
function digestOf([scope, table, of]: readonly TupleValue[]): readonly string[] {
  const isDigest = scope === 'resources' && String(table).startsWith('digest');
  return isDigest && typeof of === 'string' ? [of] : [];
}

async function tell(
  needs: StorePartNeeds,
  round: ScrubRound,
  {
    damaged,
    undigested,
  }: { readonly damaged: DamagedRecord; readonly undigested: ReadonlySet<string> },
): Promise<void> {
  const parts = partsOf(damaged.key);
  const [scope, table, of] = parts;
  const concerns = scope !== undefined && typeof of === 'string' ? [of] : [];
  const isPast = damaged.key === undefined;
  const where = isPast ? 'of the store’s history or leases' : `of ${[scope, table].join('/')}`;
  const found = {
    name: toHex(damaged.record),
    sentence: `a record ${where} is not what was written`,
    concerns,
  };
  const canGo =
    isPast ||
    (typeof scope === 'string' && (replaceable[scope] ?? []).includes(String(table ?? '')));
  if (!canGo) {
    await round.found({ ...found, reason: 'there is no other copy: restore a backup' });
  } else if (scope === 'resources' && table === 'entry' && undigested.has(String(of))) {
    // Without it, a digest that is made anew would be one of what is left, and signed.
    await round.found({ ...found, reason: 'what would prove it is damaged too: restore a backup' });
  } else if (!round.repair) {
    await round.found({ ...found, reason: 'repair was not asked for' });
  } else {
    await round.found({ ...found, ...(await takeOut(needs, damaged)) });
  }
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

function partsOf(key: Uint8Array | undefined): readonly TupleValue[] {
  try {
    return key === undefined ? [] : unpackKey(key);
  } catch {
    return [];
  }
}
