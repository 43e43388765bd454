// One blob on its way in. Several receipts may share it; it is written to disk chunk by chunk as
// chunks are verified, and becomes a blob when the whole is.
import { HansaError, toHex, type BlobInfo, type Hasher } from '@hansa/foundation';
import { placeBlob } from './blob-writing.ts';
import { onDisk } from './durable-file.ts';
import { openIncoming, removeIncoming, type IncomingFiles } from './incoming-files.ts';
import { chunkLength, corruptChunk, idOf, type Depot } from './layout.ts';
import type { Plan } from './plan-file.ts';

export interface Transfer {
  readonly plan: Plan;
  missing(): readonly number[];
  accept(index: number, bytes: Uint8Array): Promise<void>;
  commit(): Promise<BlobInfo>;
  /** Committed, closed or found false: a later receive needs another transfer. */
  isOver(): boolean;
  /** Closes the files and keeps them. */
  close(): Promise<void>;
}

interface State {
  readonly depot: Depot;
  readonly plan: Plan;
  readonly files: IncomingFiles;
  readonly arrived: Set<number>;
  /** Writes under way; the files close after them. */
  readonly writes: Set<Promise<void>>;
  /** The hash of the first `hashed` chunks: what comes in order is not read again at the end. */
  readonly prefix: Hasher;
  hashed: number;
  wholeId: string | undefined;
  closing: Promise<void> | undefined;
  committing: Promise<BlobInfo> | undefined;
  committed: boolean;
}

export async function openTransfer(depot: Depot, plan: Plan): Promise<Transfer> {
  const state: State = {
    depot,
    plan,
    files: await onDisk(() => openIncoming(depot, plan)),
    arrived: new Set(),
    writes: new Set(),
    prefix: depot.crypto.hasher(),
    hashed: 0,
    wholeId: undefined,
    closing: undefined,
    committing: undefined,
    committed: false,
  };
  try {
    await resume(state);
  } catch (error) {
    await state.files.close();
    throw error;
  }
  return {
    plan,
    missing: () => missing(state),
    accept: (index, bytes) => accept(state, index, bytes),
    commit: () => commit(state),
    isOver: () => state.closing !== undefined,
    async close() {
      await state.committing?.catch(() => undefined);
      await closeFiles(state);
    },
  };
}

/** Throws BLOB_CORRUPT unless the bytes are the chunk that the plan names. */
export function checkChunk(
  depot: Depot,
  plan: Plan,
  { index, bytes }: { readonly index: number; readonly bytes: Uint8Array },
): void {
  const { info, chunks } = plan;
  const expected = chunks[index];
  if (expected === undefined) {
    throw new HansaError('INPUT_INVALID', `blob ${info.id} has no chunk ${index}`);
  }
  if (bytes.length !== chunkLength(info, index) || idOf(depot.crypto, bytes) !== expected) {
    throw corruptChunk(info.id, index);
  }
}

async function resume(state: State): Promise<void> {
  for (const index of await state.files.claimed()) {
    const bytes = await arrivedChunk(state, index);
    if (bytes !== undefined) {
      arrive(state, index, bytes);
    }
  }
}

/** The bytes of a chunk, if they are on the disk as its id says. */
async function arrivedChunk(state: State, index: number): Promise<Uint8Array | undefined> {
  const { depot, files, plan } = state;
  const length = chunkLength(plan.info, index);
  const bytes = await files.read(index, length);
  const right = bytes.length === length && idOf(depot.crypto, bytes) === plan.chunks[index];
  return right ? bytes : undefined;
}

function arrive(state: State, index: number, bytes: Uint8Array): void {
  state.arrived.add(index);
  if (index === state.hashed) {
    state.prefix.update(bytes);
    state.hashed += 1;
  }
}

function missing({ committed, plan, arrived }: State): readonly number[] {
  return committed ? [] : [...plan.chunks.keys()].filter((index) => !arrived.has(index));
}

async function accept(state: State, index: number, bytes: Uint8Array): Promise<void> {
  checkChunk(state.depot, state.plan, { index, bytes });
  if (state.committed || state.arrived.has(index)) {
    return;
  }
  checkOpen(state);
  const write = onDisk(() => state.files.write(index, bytes));
  state.writes.add(write);
  try {
    await write;
  } finally {
    state.writes.delete(write);
  }
  // The same chunk may have come from two sources at once.
  if (!state.arrived.has(index)) {
    arrive(state, index, bytes);
  }
}

// Receipts that share a transfer share its commit.
function commit(state: State): Promise<BlobInfo> {
  state.committing ??= finish(state).catch((error: unknown) => {
    state.committing = undefined;
    throw error;
  });
  return state.committing;
}

async function finish(state: State): Promise<BlobInfo> {
  const { depot, files, plan } = state;
  const { id } = plan.info;
  checkOpen(state);
  const left = missing(state).length;
  if (left > 0) {
    throw new HansaError('BLOB_INCOMPLETE', `${left} chunks of blob ${id} are missing`, {
      facts: { blob: id, missing: left },
    });
  }
  await checkWhole(state);
  await onDisk(async () => {
    await files.sync();
    await placeBlob(depot, plan, files.content);
  });
  state.committed = true;
  await closeFiles(state);
  await removeIncoming(depot, id);
  return plan.info;
}

async function checkWhole(state: State): Promise<void> {
  const { depot, plan } = state;
  const { id } = plan.info;
  while (state.hashed < plan.chunks.length) {
    const index = state.hashed;
    const bytes = await arrivedChunk(state, index);
    if (bytes === undefined) {
      // The disk did not keep it: it is missing again.
      state.arrived.delete(index);
      throw corruptChunk(id, index);
    }
    arrive(state, index, bytes);
  }
  state.wholeId ??= toHex(state.prefix.digest());
  if (state.wholeId !== id) {
    // Every chunk is what the plan says and the whole is not: the plan itself was false, so it
    // goes.
    await closeFiles(state);
    await removeIncoming(depot, id);
    throw new HansaError('BLOB_CORRUPT', `the chunks are not those of blob ${id}`, {
      facts: { blob: id },
    });
  }
}

function closeFiles(state: State): Promise<void> {
  state.closing ??= Promise.allSettled(state.writes).then(() => state.files.close());
  return state.closing;
}

function checkOpen(state: State): void {
  if (state.closing !== undefined) {
    const { id } = state.plan.info;
    throw new HansaError('BLOB_INCOMPLETE', `the transfer of blob ${id} has ended`, {
      facts: { blob: id },
    });
  }
}
