// Copies against their owners, as a plan that nobody carries out: ours of what peers own, and, by
// their own account, theirs of what we own.
import { splitFederatedId, toHex, type ClusterId, type FederatedId } from '@hansa/foundation';
import type { Lane } from '../lanes/contract.ts';
import type { Head, Point, SequencedChange } from '../resources/contract.ts';
import type { HeldPosition, Mirror, MirrorDifference } from '../sync/contract.ts';
import type { DiffChange, DiffPlace, DiffRow, DiffStep } from './contract.ts';
import { nameOf } from './hops.ts';
import type { TracesNeeds } from './traces.ts';

const askedAtOnce = 8; // owners answer each with up to two hundred changes
const changesShownMax = 200; // as many as a mirror shows of what it lacks

export async function differences(
  needs: TracesNeeds,
  of: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly DiffRow[]> {
  const { mirrors, peers, held } = needs;
  if (of?.includes(':') === true) {
    const resource = mirrors.resolve(of);
    return mirrorRows(needs, [resource], signal);
  }
  const peer = of === undefined ? undefined : peers.resolve(of).cluster;
  const chosen = mirrors.all().filter(({ owner }) => peer === undefined || owner === peer);
  const theirs = await mirrorRows(
    needs,
    chosen.map(({ resource }) => resource),
    signal,
  );
  const clusters = peer === undefined ? peers.all().map(({ cluster }) => cluster) : [peer];
  const ours = await Promise.all(
    clusters.flatMap((each) => held.of(each).map((row) => copyRow(needs, each, row))),
  );
  const lanes = (await needs.lanes()).filter(
    ({ side, writer }) => side === 'theirs' && (peer === undefined || writer === peer),
  );
  return [
    ...theirs,
    ...ours.flatMap((row) => row ?? []),
    ...lanes.flatMap((lane) => laneRow(needs, lane)),
  ];
}

async function mirrorRows(
  needs: TracesNeeds,
  resources: readonly FederatedId[],
  signal: AbortSignal | undefined,
): Promise<readonly DiffRow[]> {
  const rows: DiffRow[] = [];
  for (let at = 0; at < resources.length; at += askedAtOnce) {
    const page = resources.slice(at, at + askedAtOnce);
    const made = page.map(async (resource) => {
      const difference = await needs.mirrors.difference(resource, signal);
      const mirror = needs.mirrors.find(resource);
      return mirror === undefined ? [] : [mirrorRow(needs, mirror, difference)];
    });
    rows.push(...(await Promise.all(made)).flat());
  }
  return rows;
}

function mirrorRow(needs: TracesNeeds, mirror: Mirror, difference: MirrorDifference): DiffRow {
  const { resource, owner, ownerName, name, state, applied, lastError } = mirror;
  const { head, changes, more, blobs, problem } = difference;
  const step = stepOf(mirror, difference);
  const held: DiffPlace | undefined =
    applied === undefined
      ? undefined
      : {
          epoch: applied.epoch,
          sequence: applied.sequence,
          digest: applied.digest,
          atMs: applied.appliedMs,
        };
  return {
    resource,
    name,
    side: 'theirs',
    peer: owner,
    peerName: ownerName,
    state,
    step,
    held,
    head: headPlace(head ?? needs.mirrors.head(resource)),
    changes: changes.map((each) => changeRow(resource, each)),
    more,
    blobs: blobs.map(({ id, sizeBytes }) => ({ id, sizeBytes })),
    missingBytes: blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    reason: reasonOf(step, mirror, difference),
    problem: step === 'current' ? undefined : (lastError ?? problem),
  };
}

function headPlace(head: Head | undefined): DiffPlace | undefined {
  return head === undefined
    ? undefined
    : {
        epoch: head.epoch,
        sequence: head.sequence,
        digest: toHex(head.digest),
        atMs: head.tick.asOfMs,
      };
}

function changeRow(resource: FederatedId, { sequence, change }: SequencedChange): DiffChange {
  const { epoch, author, hlc, ops } = change;
  return { id: `${resource}#${epoch}/${sequence}`, author, writtenMs: hlc[0], ops: ops.length };
}

function stepOf({ state, applied }: Mirror, { head }: MirrorDifference): DiffStep {
  if (state === 'halted') {
    return 'decide';
  }
  if (state === 'frozen' || head === null) {
    return 'keep';
  }
  if (head === undefined) {
    return 'wait';
  }
  if (applied === undefined) {
    return 'pull';
  }
  if (applied.epoch !== head.epoch) {
    return applied.epoch < head.epoch ? 'rebuild' : 'decide';
  }
  if (applied.sequence === head.sequence) {
    return applied.digest === toHex(head.digest) ? 'current' : 'decide';
  }
  return applied.sequence < head.sequence ? 'pull' : 'decide';
}

const reasons: Readonly<Partial<Record<DiffStep, string>>> = {
  keep: 'the owner does not share it with us now; the copy stays as it is',
  rebuild: 'the owner began another epoch: it is built beside the copy, which is then given up',
  wait: 'the owner cannot be asked now',
  decide: 'two histories: nothing moves until a person has decided',
};

function reasonOf(
  step: DiffStep,
  { lastError, fork, state }: Mirror,
  { problem, blobs }: MirrorDifference,
): string | undefined {
  if (step === 'decide' && fork !== undefined) {
    const { held, other } = fork;
    return (
      `the owner signed ${held.epoch}/${held.sequence} as ${held.digest.slice(0, 16)}… and ` +
      `${other.epoch}/${other.sequence} as ${other.digest.slice(0, 16)}…`
    );
  }
  if (step === 'current') {
    return undefined;
  }
  const blobless = blobs.length === 0 ? undefined : `${blobs.length} blob(s) are not here`;
  const known = lastError?.message ?? problem?.message ?? reasons[step] ?? blobless;
  return known ?? (state === 'pulling' ? 'it is being pulled' : undefined);
}

/** Undefined where the peer holds all of it: what it holds is its own word. */
async function copyRow(
  needs: TracesNeeds,
  peer: ClusterId,
  row: HeldPosition,
): Promise<DiffRow | undefined> {
  const { resources, peers, signer } = needs;
  const { owner, local, name } = splitFederatedId(row.resource);
  const position = owner === signer.cluster ? await resources.position(local) : undefined;
  const same = position?.epoch === row.epoch && position.sequence === row.sequence;
  if (owner !== signer.cluster || (same && toHex(position.digest) === toHex(row.digest))) {
    return undefined;
  }
  const missing = await missingOf(needs, row, position);
  const step = copyStep(row, position);
  return {
    resource: row.resource,
    name,
    side: 'ours',
    peer,
    peerName: nameOf(peers, peer),
    state: peers.connected(peer) ? 'connected' : 'away',
    step,
    held: { epoch: row.epoch, sequence: row.sequence, digest: toHex(row.digest) },
    head:
      position === undefined
        ? undefined
        : {
            epoch: position.epoch,
            sequence: position.sequence,
            digest: toHex(position.digest),
          },
    ...missing,
    blobs: [],
    missingBytes: 0,
    reason: same ? 'the same place with another digest: a copy that was damaged' : undefined,
  };
}

function copyStep(row: HeldPosition, position: Point | undefined): DiffStep {
  if (position === undefined) {
    return 'keep';
  }
  if (row.epoch !== position.epoch) {
    return row.epoch < position.epoch ? 'rebuild' : 'decide';
  }
  return row.sequence < position.sequence ? 'pull' : 'decide';
}

async function missingOf(
  { resources }: TracesNeeds,
  row: HeldPosition,
  position: Point | undefined,
): Promise<{ readonly changes: readonly DiffChange[]; readonly more: boolean }> {
  const changes: DiffChange[] = [];
  const { local } = splitFederatedId(row.resource);
  if (position === undefined || copyStep(row, position) === 'decide') {
    return { changes, more: false };
  }
  for await (const each of resources.changes(local, row)) {
    if (changes.length >= changesShownMax) {
      return { changes, more: true };
    }
    changes.push(changeRow(row.resource, each));
  }
  return { changes, more: false };
}

/** A lane that is behind its promotion, or has conflicts: what is here, and not yet in ours. */
function laneRow(needs: TracesNeeds, lane: Lane): readonly DiffRow[] {
  const { promoted, conflicts, lastError, writer, writerName } = lane;
  const applied = needs.mirrors.find(lane.lane)?.applied;
  const behind =
    applied !== undefined &&
    (promoted?.epoch !== applied.epoch || promoted.sequence !== applied.sequence);
  if (!behind && conflicts === 0) {
    return [];
  }
  const { name } = splitFederatedId(lane.resource);
  const waiting = lastError?.message ?? 'not all of it is promoted';
  return [
    {
      resource: lane.lane,
      name,
      side: 'lane',
      peer: writer,
      peerName: writerName,
      state: lane.state,
      step: conflicts > 0 ? 'decide' : 'wait',
      changes: [],
      more: false,
      blobs: [],
      missingBytes: 0,
      reason: conflicts > 0 ? `${conflicts} conflict(s): hansa conflict list` : waiting,
      problem: lastError,
    },
  ];
}
