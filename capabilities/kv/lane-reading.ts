// A mirrored space as whoever writes it through a lane reads it: the owner's cells and our own,
// which the owner may not have promoted yet, brought together by the space's rule.
import {
  compareBytes,
  splitFederatedId,
  type Codec,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { LaneWriting } from '../lanes/contract.ts';
import type { ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { MirrorView } from '../sync/contract.ts';
import type { Signer } from '../identity/contract.ts';
import { decodeCell, encodeCell, mergedCells } from './cell.ts';
import { keyOf, settingsFrom, settingsKey, type SpaceSettings } from './keys.ts';

export interface LaneReadingNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly lanes: LaneWriting;
}

type Entries = Pick<MirrorView, 'entry' | 'entries'>;

export function withOwnWrites(needs: LaneReadingNeeds, view: MirrorView): Entries {
  const lane = needs.lanes.find(view.resource);
  if (lane === undefined || needs.resources.find(lane) === undefined) {
    return { entry: (key) => view.entry(key), entries: () => view.entries() };
  }
  const merged = async (key: Uint8Array): Promise<ResourceEntry | undefined> => {
    const settings = settingsFrom(needs.codec, await view.entry(settingsKey));
    const both = [await view.entry(key), await needs.resources.entry(lane, key)] as const;
    return together(needs, { lane, resource: view.resource, settings }, both);
  };
  return { entry: merged, entries: () => entriesTogether(needs, lane, view) };
}

interface Space {
  readonly lane: LocalId;
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
  lane: LocalId,
  view: MirrorView,
): AsyncIterable<ResourceEntry> {
  const settings = settingsFrom(needs.codec, await view.entry(settingsKey));
  const space: Space = { lane, resource: view.resource, settings };
  const left = view.entries()[Symbol.asyncIterator]();
  const right = needs.resources.entries(lane)[Symbol.asyncIterator]();
  let theirs = await left.next();
  let ours = await right.next();
  while (theirs.done !== true || ours.done !== true) {
    const order =
      theirs.done === true
        ? 1
        : ours.done === true
          ? -1
          : compareBytes(theirs.value.key, ours.value.key);
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
