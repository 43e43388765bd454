// A mirrored space as whoever writes it through a lane reads it: the owner's cells and our own,
// which the owner may not have promoted yet, brought together by the space's rule.
import {
  compareBytes,
  splitFederatedId,
  type Codec,
  type FederatedId,
  type RowRange,
} from '@hansa/foundation';
import type { LaneWriting } from '../lanes/contract.ts';
import type { EntriesAt, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Signer } from '../identity/contract.ts';
import { decodeCell, encodeCell, mergedCells } from './cell.ts';
import { keyOf, settingsFrom, settingsKey, type SpaceSettings } from './keys.ts';

export interface LaneReadingNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly lanes: LaneWriting;
}

type Entries = Pick<EntriesAt, 'entry' | 'entries'>;

/** Both as they were at one revision of our store. */
export async function withOwnWrites(
  needs: LaneReadingNeeds,
  resource: FederatedId,
  view: EntriesAt,
): Promise<Entries> {
  const lane = needs.lanes.find(resource);
  const own = lane === undefined ? undefined : await needs.resources.at(lane, view.revision);
  if (own === undefined) {
    return view;
  }
  const settings = settingsFrom(needs.codec, await view.entry(settingsKey));
  const space: Space = { resource, settings };
  return {
    async entry(key) {
      const both = [await view.entry(key), await own.entry(key)] as const;
      return together(needs, space, both);
    },
    entries: (range = {}) => entriesTogether(needs, space, { view, own, range }),
  };
}

interface Space {
  readonly resource: FederatedId;
  readonly settings: SpaceSettings;
}

function together(
  { codec, signer }: LaneReadingNeeds,
  { resource, settings }: Space,
  [theirs, ours]: readonly [ResourceEntry | undefined, ResourceEntry | undefined],
): ResourceEntry | undefined {
  if (theirs === undefined || ours === undefined || keyOf(theirs.key) === undefined) {
    // A lane's cell that leaves its writer out means us: the reader would take it for the owner's.
    return (
      theirs ?? (ours === undefined ? undefined : spelledOut(codec, signer, { ours, resource }))
    );
  }
  const { owner } = splitFederatedId(resource);
  const cells = [
    decodeCell(codec, theirs.value, owner),
    decodeCell(codec, ours.value, signer.cluster),
  ];
  // Where a person has to decide, what the owner shows is what there is.
  const shown = mergedCells(settings.rule, cells).shown ?? cells[0];
  return shown === undefined
    ? theirs
    : {
        key: theirs.key,
        value: encodeCell(codec, shown, owner),
        version: Math.max(theirs.version, ours.version),
        blobs: [],
      };
}

function spelledOut(
  codec: Codec,
  signer: Signer,
  { ours, resource }: { readonly ours: ResourceEntry; readonly resource: FederatedId },
): ResourceEntry | undefined {
  if (keyOf(ours.key) === undefined) {
    return undefined;
  }
  const cell = decodeCell(codec, ours.value, signer.cluster);
  return { ...ours, value: encodeCell(codec, cell, splitFederatedId(resource).owner) };
}

/** Both are in the order of their keys. */
async function* entriesTogether(
  needs: LaneReadingNeeds,
  space: Space,
  sides: { readonly view: Entries; readonly own: Entries; readonly range: RowRange },
): AsyncIterable<ResourceEntry> {
  const { range } = sides;
  const left = sides.view.entries(range)[Symbol.asyncIterator]();
  const right = sides.own.entries(range)[Symbol.asyncIterator]();
  let theirs = await left.next();
  let ours = await right.next();
  while (theirs.done !== true || ours.done !== true) {
    const order = orderOf(theirs, ours, range);
    const pair = [
      order <= 0 && theirs.done !== true ? theirs.value : undefined,
      order >= 0 && ours.done !== true ? ours.value : undefined,
    ] as const;
    const entry = together(needs, space, pair);
    if (entry !== undefined) {
      yield entry;
    }
    theirs = pair[0] === undefined ? theirs : await left.next();
    ours = pair[1] === undefined ? ours : await right.next();
  }
}

/** Which side comes first: below 0 theirs, above it ours, 0 where both have the key. */
function orderOf(
  theirs: IteratorResult<ResourceEntry>,
  ours: IteratorResult<ResourceEntry>,
  { reverse = false }: RowRange,
): number {
  if (theirs.done === true) {
    return 1;
  }
  if (ours.done === true) {
    return -1;
  }
  const order = compareBytes(theirs.value.key, ours.value.key);
  return reverse ? -order : order;
}
