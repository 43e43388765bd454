// Writing to own spaces. While one change is on its way to the disk, what other callers bring is
// gathered, and goes into the next change together; each is decided on what it finds there, and
// hears its own outcome.
import {
  createHybridClock,
  createKeyedMutex,
  emptyBytes,
  HansaError,
  isHansaError,
  laneTarget,
  splitFederatedId,
  splitLocalId,
  type Clock,
  type Hlc,
  type HybridClock,
  type LocalId,
} from '@hansa/foundation';
import { changeBytesMax, changeOpsMax, type ChangeOp } from '../resources/contract.ts';
import type { MirrorView } from '../sync/contract.ts';
import { decodeCell, encodeCell, keysMax, mergedCells, nextCell, type Cell } from './contract.ts';
import type { FindingNeeds } from './finding.ts';
import { entryKey, keyOf, settingsFrom, settingsKey, type SpaceSettings } from './keys.ts';

const opBytes = 512; // what a cell and an operation have besides key, value and a long vector
const groupBytesMax: number = changeBytesMax - 8 * 1_024; // the change's own fields, a vector
const pendingMax = 10_000; // callers that wait for one space's disk
// of what those callers want to write: a hundred values of the largest kind
const pendingBytesMax: number = 32 * 1_024 * 1_024;
const scannedMax = 1_000; // looked at for one change: where all want one key, only one is taken
const attemptsMax = 16; // every lost one is another node's success

export interface WritingNeeds extends FindingNeeds {
  readonly clock: Clock;
}

/** A key as it stands when a write is decided. */
export interface Standing {
  /** 0 where it is not there. */
  readonly version: number;
  readonly value: Uint8Array;
  readonly cell: Cell | undefined;
  /** The revisions that made and last wrote it; 0 where it is not there. */
  readonly made: number;
  readonly written: number;
}

/** What is to stand under a key. */
export interface NewValue {
  readonly value: Uint8Array;
  readonly lease?: string | undefined;
}

export interface Decision<T> {
  /** By key; undefined deletes. */
  readonly writes: ReadonlyMap<string, NewValue | undefined>;
  /** Written as they are: brought together from what several clusters wrote. */
  readonly cells?: ReadonlyMap<string, Cell>;
  answer(written: { readonly revision: number; versionOf(key: string): number }): T;
}

export interface Work<T> {
  /** Every key that it reads or writes. */
  readonly keys: readonly string[];
  /** At most so many writes, of so many bytes of keys and values. */
  readonly ops: number;
  readonly bytes: number;
  /** What it throws is this caller's outcome alone. */
  decide(standing: (key: string) => Standing, settings: SpaceSettings): Decision<T>;
}

export interface Writing {
  /** Decided and stored in one step; resolves once it is on disk. */
  run<T>(id: LocalId, work: Work<T>): Promise<T>;
  /** Deletes for good what is there only to be remembered as deleted before a time. */
  sweep(id: LocalId, beforeMs: number): Promise<void>;
  /** After the space was deleted. */
  forget(id: LocalId): void;
}

interface Waiting {
  readonly keys: readonly string[];
  readonly ops: number;
  readonly bytes: number;
  decide(read: (key: string) => Standing, settings: SpaceSettings): Decision<void>;
  reject(error: unknown): void;
}

interface Loaded {
  readonly epoch: number;
  readonly settings: SpaceSettings;
  /** Entries as this node counts them: what another node adds is seen when it is loaded anew. */
  keys: number;
}

interface Parts extends WritingNeeds {
  readonly hybrid: HybridClock;
  readonly waiting: Map<LocalId, Waiting[]>;
  readonly loaded: Map<LocalId, Loaded>;
}

export function createWriting(needs: WritingNeeds): Writing {
  const parts: Parts = {
    ...needs,
    hybrid: createHybridClock(needs.clock),
    waiting: new Map(),
    loaded: new Map(),
  };
  const turns = createKeyedMutex<LocalId>();
  return {
    run: (id, work) =>
      new Promise((resolve, reject) => {
        const queue = parts.waiting.get(id) ?? [];
        parts.waiting.set(id, queue);
        requireRoom(queue, id, work.bytes);
        queue.push({
          ...work,
          decide(read, settings) {
            const { answer, ...decided } = work.decide(read, settings);
            return { ...decided, answer: (written) => resolve(answer(written)) };
          },
          reject,
        });
        // Whoever has its turn takes along what waits; most turns find nothing left to do.
        turns.run(id, () => writeWaiting(parts, id)).catch(reject);
      }),
    sweep: (id, beforeMs) => turns.run(id, () => sweepSpace(parts, id, beforeMs)),
    forget(id) {
      parts.waiting.delete(id);
      parts.loaded.delete(id);
    },
  };
}

function requireRoom(queue: readonly Waiting[], id: LocalId, bytes: number): void {
  const held = queue.reduce((sum, one) => sum + one.bytes, 0);
  if (queue.length >= pendingMax || held + bytes > pendingBytesMax) {
    throw new HansaError('RATE_LIMITED', `more is written to ${id} than its disk takes`);
  }
}

async function writeWaiting(parts: Parts, id: LocalId): Promise<void> {
  const queue = parts.waiting.get(id);
  if (queue === undefined || queue.length === 0) {
    return;
  }
  await writeTogether(parts, id, takeGroup(queue));
}

async function writeTogether(parts: Parts, id: LocalId, group: readonly Waiting[]): Promise<void> {
  try {
    await retried(() => writeGroup(parts, id, group));
  } catch (error) {
    if (group.length === 1 || !isHansaError(error, 'CHANGE_TOO_LARGE')) {
      group.forEach(({ reject }) => reject(error));
      return;
    }
    // Where many have written, cells are larger than was reckoned with.
    for (const one of group) {
      await writeTogether(parts, id, [one]);
    }
  }
}

/**
 * As many as one change takes, the first in any case; none that touches a key of one before it,
 * taken or left, so that the writes of one key stay in their order.
 */
function takeGroup(queue: Waiting[]): readonly Waiting[] {
  const taken: Waiting[] = [];
  const left: Waiting[] = [];
  const touched = new Set<string>();
  let ops = 0;
  let bytes = 0;
  for (const one of queue.splice(0, scannedMax)) {
    const fits =
      taken.length === 0 ||
      (ops + one.ops <= changeOpsMax &&
        bytes + one.bytes + one.ops * opBytes <= groupBytesMax &&
        !one.keys.some((key) => touched.has(key)));
    if (fits) {
      taken.push(one);
      ops += one.ops;
      bytes += one.bytes + one.ops * opBytes;
    } else {
      left.push(one);
    }
    one.keys.forEach((key) => touched.add(key));
  }
  queue.unshift(...left);
  return taken;
}

/** Decided anew where another node has written meanwhile. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isHansaError(error, 'CONFLICT') || attempt >= attemptsMax) {
        throw error;
      }
    }
  }
}

interface Drafted {
  readonly ops: ChangeOp[];
  /** Of the keys written, after the change; 0 for those deleted. */
  readonly versions: Map<string, number>;
  /** How each caller hears of the outcome, once there is one. */
  readonly outcomes: ((revision: number) => void)[];
  /** Entries more than before. */
  added: number;
}

/** A key as the log has it: one that is remembered as deleted is stored, and not there. */
interface Stored {
  readonly stored: number;
  readonly cell: Cell | undefined;
  readonly made: number;
  readonly written: number;
}

const absent: Stored = { stored: 0, cell: undefined, made: 0, written: 0 };

async function writeGroup(parts: Parts, id: LocalId, group: readonly Waiting[]): Promise<void> {
  const position = parts.resources.point(id);
  if (position === undefined) {
    const { name } = splitLocalId(id);
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no space ${name} here`, {
      fix: `hansa kv create ${name}`,
    });
  }
  const loaded = await load(parts, id, position.epoch);
  const storedOf = await readStored(parts, id, group);
  const drafted: Drafted = { ops: [], versions: new Map(), outcomes: [], added: 0 };
  const now = parts.hybrid.tick();
  for (const one of group) {
    try {
      place(parts, one, { id, drafted, loaded, storedOf, now });
    } catch (error) {
      drafted.outcomes.push(() => one.reject(error));
    }
  }
  let revision = position.sequence;
  if (drafted.ops.length > 0) {
    const options = { author: parts.signer.name, expect: position.sequence };
    revision = (await parts.resources.append(id, drafted.ops, options)).sequence;
    loaded.keys += drafted.added;
  }
  drafted.outcomes.forEach((tell) => tell(revision));
}

/** Brings one caller's decision into the change; throws its refusal, and then nothing of it. */
function place(
  { codec, signer }: Parts,
  one: Waiting,
  given: {
    readonly id: LocalId;
    readonly drafted: Drafted;
    readonly loaded: Loaded;
    readonly now: Hlc;
    storedOf(key: string): Stored;
  },
): void {
  const { id, drafted, loaded, storedOf, now } = given;
  const { settings } = loaded;
  const { writes, cells, answer } = one.decide((key) => standing(storedOf(key)), settings);
  const writing = [...writes].filter(
    ([key, value]) => value !== undefined || standing(storedOf(key)).version > 0,
  );
  const fresh = writing.filter(([key]) => storedOf(key).stored === 0).length;
  const dropped = settings.shared ? 0 : writing.filter(([, value]) => value === undefined).length;
  if (fresh > 0 && loaded.keys + drafted.added + fresh > keysMax) {
    throw new HansaError('STORE_LIMIT', `${id} has ${keysMax} keys, the most there may be`);
  }
  drafted.added += fresh - dropped;
  for (const [key, value] of writing) {
    const { stored, cell } = storedOf(key);
    if (value === undefined && !settings.shared) {
      drafted.ops.push({ delete: { key: entryKey(key) } });
    } else {
      const next = nextCell(cell, { ...(value ?? gone), by: signer.cluster, now });
      const bytes = encodeCell(codec, next, signer.cluster);
      drafted.ops.push({ put: { key: entryKey(key), value: bytes, blobs: [] } });
    }
    drafted.versions.set(key, value === undefined ? 0 : stored + 1);
  }
  for (const [key, cell] of cells ?? []) {
    const { stored } = storedOf(key);
    drafted.added += stored === 0 ? 1 : 0;
    const value = encodeCell(codec, cell, signer.cluster);
    drafted.ops.push({ put: { key: entryKey(key), value, blobs: [] } });
    drafted.versions.set(key, stored + 1);
  }
  const versionOf = (key: string): number => drafted.versions.get(key) ?? 0;
  drafted.outcomes.push((revision) => answer({ revision, versionOf }));
}

const gone = { value: undefined };

function standing({ stored, cell, made, written }: Stored): Standing {
  return cell === undefined || cell.deleted
    ? { version: 0, value: emptyBytes, cell, made: 0, written: 0 }
    : { version: stored, value: cell.value, cell, made, written };
}

async function readStored(
  parts: Parts,
  id: LocalId,
  group: readonly Waiting[],
): Promise<(key: string) => Stored> {
  const keys = [...new Set(group.flatMap((one) => one.keys))];
  const seen = await mirroredView(parts, id);
  const all = await Promise.all(keys.map((key) => readOne(parts, { id, key, seen })));
  const found = new Map(keys.map((key, index) => [key, all[index] ?? absent] as const));
  return (key) => found.get(key) ?? absent;
}

/** Of a lane, what it is for: its writer has seen what stands there. */
async function mirroredView({ mirrors }: Parts, id: LocalId): Promise<MirrorView | undefined> {
  const target = laneTarget(id);
  return target === undefined ? undefined : mirrors.view(target);
}

async function readOne(
  { resources, codec, signer }: Parts,
  asked: {
    readonly id: LocalId;
    readonly key: string;
    readonly seen: MirrorView | undefined;
  },
): Promise<Stored> {
  const { seen } = asked;
  const key = entryKey(asked.key);
  const own = await resources.entry(asked.id, key);
  const ours = own === undefined ? [] : [decodeCell(codec, own.value, signer.cluster)];
  if (seen === undefined) {
    const { version: stored = 0, made = 0, written = 0 } = own ?? {};
    return { stored, cell: ours[0], made, written };
  }
  const found = await seen.entry(key);
  const { owner } = splitFederatedId(seen.resource);
  const theirs = found === undefined ? [] : [decodeCell(codec, found.value, owner)];
  // The latest counts as what stands, with all that either side had seen.
  const cell = mergedCells('last-write-wins', [...ours, ...theirs]).shown;
  const stored = Math.max(own?.version ?? 0, found?.version ?? 0);
  // The revisions of a lane say nothing of what it is for.
  return { stored, cell, made: 0, written: 0 };
}

async function load(parts: Parts, id: LocalId, epoch: number): Promise<Loaded> {
  const { resources, codec, loaded } = parts;
  const held = loaded.get(id);
  if (held?.epoch === epoch) {
    return held;
  }
  const view = await mirroredView(parts, id);
  const settings =
    view === undefined
      ? settingsFrom(codec, await resources.entry(id, settingsKey))
      : { ...settingsFrom(codec, await view.entry(settingsKey)), shared: true };
  let keys = 0;
  for await (const { key } of resources.entries(id)) {
    keys += keyOf(key) === undefined ? 0 : 1; // its settings are an entry too, and no key
  }
  const made: Loaded = { epoch, settings, keys };
  loaded.set(id, made);
  return made;
}

async function sweepSpace(parts: Parts, id: LocalId, beforeMs: number): Promise<void> {
  const { resources, codec, signer } = parts;
  const position = resources.point(id);
  const settings = settingsFrom(codec, await resources.entry(id, settingsKey));
  if (position === undefined || !settings.shared) {
    return;
  }
  const due: Uint8Array[] = [];
  for await (const { key, value } of resources.entries(id)) {
    const cell = keyOf(key) === undefined ? undefined : decodeCell(codec, value, signer.cluster);
    if (cell?.deleted === true && cell.at[0] < beforeMs) {
      due.push(key);
    }
  }
  let expect = position.sequence;
  for (let at = 0; at < due.length; at += changeOpsMax) {
    const ops = due.slice(at, at + changeOpsMax).map((key) => ({ delete: { key } }));
    // Another node that writes meanwhile may have written one of these keys: the next sweep sees.
    expect = (await resources.append(id, ops, { author: signer.name, expect })).sequence;
  }
  parts.loaded.delete(id);
}
