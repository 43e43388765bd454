// Documents that several clusters write: each in a lane of its own, merged as JSON where they wrote
// at the same time.
import {
  hlcAheadMaxMs,
  HansaError,
  isHansaError,
  laneTarget,
  splitFederatedId,
  type Clock,
  type Codec,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import { compareCells, encodeCell, mergedCells, type Cell } from '../kv/contract.ts';
import type { LaneKind, LaneWriting, Promotion } from '../lanes/contract.ts';
import type { ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { Mirrors, MirrorView } from '../sync/contract.ts';
import { documentKind } from './contract.ts';
import { documentFrom, valueKey } from './keys.ts';

const attemptsMax = 16; // every lost one is somebody else's write

export interface LaneNeeds {
  readonly codec: Codec;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly lanes: LaneWriting;
}

/**
 * Our lane, offered where the owner has not taken it yet; while it is away, a write waits there.
 */
export async function openLane(
  { lanes }: LaneNeeds,
  resource: FederatedId,
  signal: AbortSignal | undefined,
): Promise<LocalId> {
  const lane = await lanes.open(resource);
  if (!lanes.taken(resource)) {
    await lanes.offer(resource, signal).catch((error: unknown) => {
      const away = ['LINK_DOWN', 'CONNECTION_CLOSED', 'TIMED_OUT'] as const;
      if (!away.some((code) => isHansaError(error, code))) {
        throw error;
      }
    });
  }
  return lane;
}

/** The value as its writer reads it: the owner's and our own, the later with what both had seen. */
export async function entryTogether(
  needs: LaneNeeds,
  view: MirrorView,
): Promise<ResourceEntry | undefined> {
  const theirs = await view.entry(valueKey);
  const lane = needs.lanes.find(view.resource);
  const ours =
    lane === undefined || needs.resources.find(lane) === undefined
      ? undefined
      : await needs.resources.entry(lane, valueKey);
  if (theirs === undefined || ours === undefined) {
    return theirs;
  }
  const { owner } = splitFederatedId(view.resource);
  const cells = [
    documentFrom(needs.codec, theirs.value, owner).cell,
    documentFrom(needs.codec, ours.value, needs.signer.cluster).cell,
  ];
  const { shown } = mergedCells('merge', cells);
  return shown === undefined
    ? theirs
    : {
        ...theirs,
        value: encodeCell(needs.codec, shown, owner),
        version: Math.max(theirs.version, ours.version),
      };
}

/** Of a lane, what it is for, as our mirror has it. */
export async function mirroredTarget(
  { mirrors }: LaneNeeds,
  lane: LocalId,
): Promise<MirrorView | undefined> {
  const target = laneTarget(lane);
  return target === undefined ? undefined : mirrors.view(target);
}

export function createDocumentLanes(needs: LaneNeeds & { readonly clock: Clock }): LaneKind {
  return {
    kind: documentKind,
    promote: (promotion) => promote(needs, promotion),
    // A JSON merge always comes to something: nothing is left for a person.
    resolve: async () => undefined,
  };
}

async function promote(
  needs: LaneNeeds & { readonly clock: Clock },
  { resource, lane, writer }: Promotion,
): ReturnType<LaneKind['promote']> {
  const { resources, codec, signer, clock } = needs;
  const brought = await lane.entry(valueKey);
  const theirs = brought && documentFrom(codec, brought.value, writer).cell;
  for (let attempt = 1; theirs !== undefined; attempt += 1) {
    requireOwnWrite(theirs, { writer, nowMs: clock.now() });
    const position = resources.point(resource);
    const held = await resources.entry(resource, valueKey);
    const ours = held && documentFrom(codec, held.value, signer.cluster).cell;
    const next = met(ours, theirs);
    if (next === undefined || position === undefined) {
      break;
    }
    const value = encodeCell(codec, next, signer.cluster);
    try {
      await resources.append(resource, [{ put: { key: valueKey, value, blobs: [] } }], {
        author: writer,
        expect: position.sequence,
      });
      return { taken: 1, conflicts: [] };
    } catch (error) {
      if (!isHansaError(error, 'CONFLICT') || attempt >= attemptsMax) {
        throw error;
      }
    }
  }
  return { taken: 0, conflicts: [] };
}

function requireOwnWrite(
  cell: Cell,
  { writer, nowMs }: { readonly writer: string; readonly nowMs: number },
): void {
  if (cell.by !== writer) {
    throw new HansaError('CHANGE_INVALID', 'a lane holds a value that another cluster wrote');
  }
  if (cell.at[0] > nowMs + hlcAheadMaxMs) {
    throw new HansaError('CLOCK_AHEAD', 'a lane holds a value of a minute that has not come yet');
  }
}

/** Undefined where ours has seen theirs already. */
function met(ours: Cell | undefined, theirs: Cell): Cell | undefined {
  const order = ours === undefined ? 'dominates' : compareCells(theirs, ours);
  if (order === 'dominated' || order === 'equal') {
    return undefined;
  }
  return mergedCells('merge', ours === undefined ? [theirs] : [ours, theirs]).shown;
}
