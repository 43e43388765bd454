// A process that can be killed at any moment without stopping anything: once dead, nothing it asked
// of the world ever answers, so whatever code of it still runs stands still for ever. Its disk
// stays.
import { createMemoryBlobs } from '@hansa/blobs-memory';
import {
  concatBytes,
  type Blobs,
  type BlobReceipt,
  type Clock,
  type Crypto,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore, MemoryShelf } from '@hansa/store-memory';
import type { SeededRandom } from './seeded-random.ts';
import type { ClockView } from './virtual-clock.ts';

export interface SimulatedProcess {
  readonly clock: ClockView;
  readonly alive: boolean;
  /** Resolves when the process dies, of whatever. */
  readonly died: Promise<void>;
  kill(): void;
  /** Dies at the nth durable write from now: before it happened, or before anybody heard of it. */
  killAtWrite(nth: number, when: 'before' | 'after'): void;
  /** Takes back `killAtWrite`. */
  spare(): void;
  /** Settles as the work does while the process lives. */
  fence<T>(work: Promise<T>): Promise<T>;
  /** A durable write: takes its time, and is where a process may be told to die. */
  write<T>(work: () => Promise<T>): Promise<T>;
}

const writeMsUsual = 2; // an fsync on a good disk
const writeMsRare = 40; // and on a busy one
const rareWrite = 0.03;

export function createProcess(needs: {
  readonly clock: ClockView;
  readonly random: SeededRandom;
  /** Ends what lives outside the process: its sockets. */
  readonly onDeath: () => void;
}): SimulatedProcess {
  const { clock, random } = needs;
  let alive = true;
  let doom: { left: number; readonly when: 'before' | 'after' } | undefined;
  let tellDeath = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    tellDeath = resolve;
  });
  const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
  const kill = (): void => {
    if (alive) {
      alive = false;
      clock.stop();
      tellDeath();
      needs.onDeath();
    }
  };
  const fence = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (value) => (alive ? resolve(value) : undefined),
        (error: unknown) => (alive ? reject(error) : undefined),
      );
    });
  const strikes = (when: 'before' | 'after'): boolean => {
    if (doom?.when === when && doom.left === 0) {
      kill();
    }
    return !alive;
  };
  return {
    clock,
    died,
    kill,
    fence,
    get alive() {
      return alive;
    },
    killAtWrite(nth, when) {
      doom = { left: nth, when };
    },
    spare() {
      doom = undefined;
    },
    async write(work) {
      if (!alive) {
        return never();
      }
      await clock.sleep(
        random.fraction() * (random.chance(rareWrite) ? writeMsRare : writeMsUsual),
      );
      if (doom !== undefined) {
        doom.left -= 1;
      }
      if (strikes('before')) {
        return never();
      }
      const done = await work();
      return strikes('after') ? never() : fence(Promise.resolve(done));
    },
  };
}

/** What survives a crash. */
export interface SimulatedDisk {
  readonly store: KeyValueStore;
  readonly blobs: Blobs;
}

/** What stood on a disk once. */
export interface DiskBackup {
  readonly shelf: MemoryShelf;
  readonly blobs: readonly Uint8Array[];
}

/** A disk that can be put back to what it was: whoever opens it reads what it holds by then. */
export interface RestorableDisk extends SimulatedDisk {
  backUp(): Promise<DiskBackup>;
  /** While no process has it open. */
  restore(backup: DiskBackup): Promise<void>;
}

export function createDisk(needs: {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly wrapBlobs?: ((blobs: Blobs) => Blobs) | undefined;
  readonly wrapStore?: ((store: KeyValueStore) => KeyValueStore) | undefined;
}): RestorableDisk {
  const openBlank = (shelf: MemoryShelf): SimulatedDisk & { readonly shelf: MemoryShelf } => {
    const blobs = createMemoryBlobs(needs);
    const store = createMemoryStore({ ...needs, shelf });
    return {
      shelf,
      store: needs.wrapStore?.(store) ?? store,
      blobs: needs.wrapBlobs?.(blobs) ?? blobs,
    };
  };
  let present = openBlank(new MemoryShelf());
  return {
    get store() {
      return present.store;
    },
    get blobs() {
      return present.blobs;
    },
    async backUp() {
      const blobs: Uint8Array[] = [];
      for await (const { id } of present.blobs.list()) {
        const pieces: Uint8Array[] = [];
        for await (const piece of present.blobs.read(id)) {
          pieces.push(piece);
        }
        blobs.push(concatBytes(pieces));
      }
      return { shelf: present.shelf.copy(), blobs };
    },
    async restore({ shelf, blobs }) {
      present = openBlank(shelf.copy());
      for (const bytes of blobs) {
        await present.blobs.put(onePiece(bytes));
      }
    },
  };
}

async function* onePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** The disk as one process has it open. */
export function openDisk(disk: SimulatedDisk, process: SimulatedProcess): SimulatedDisk {
  return { store: openStore(disk.store, process), blobs: openBlobs(disk.blobs, process) };
}

function openStore(store: KeyValueStore, process: SimulatedProcess): KeyValueStore {
  const { fence, write } = process;
  return {
    limits: store.limits,
    durability: store.durability,
    get: (...given) => fence(store.get(...given)),
    scan: (...given) => fence(store.scan(...given)),
    batchRead: (...given) => fence(store.batchRead(...given)),
    status: () => fence(store.status()),
    leaseTimeToLive: (...given) => fence(store.leaseTimeToLive(...given)),
    set: (...given) => write(() => store.set(...given)),
    delete: (...given) => write(() => store.delete(...given)),
    compareAndSet: (...given) => write(() => store.compareAndSet(...given)),
    compareAndDelete: (...given) => write(() => store.compareAndDelete(...given)),
    batchWrite: (...given) => write(() => store.batchWrite(...given)),
    transact: (...given) => write(() => store.transact(...given)),
    leaseGrant: (...given) => write(() => store.leaseGrant(...given)),
    leaseKeepAlive: (...given) => write(() => store.leaseKeepAlive(...given)),
    leaseRevoke: (...given) => write(() => store.leaseRevoke(...given)),
    compact: (...given) => write(() => store.compact(...given)),
    watch: (...given) => fencedItems(store.watch(...given), process),
    // The store outlives the process that closes it.
    close: async () => undefined,
  };
}

function openBlobs(blobs: Blobs, process: SimulatedProcess): Blobs {
  const { fence, write } = process;
  return {
    ...blobs,
    put: (...given) => write(() => blobs.put(...given)),
    info: (...given) => fence(blobs.info(...given)),
    read: (...given) => fencedItems(blobs.read(...given), process),
    chunks: (...given) => fence(blobs.chunks(...given)),
    receive: async (...given) => openReceipt(await fence(blobs.receive(...given)), process),
    delete: (...given) => write(() => blobs.delete(...given)),
    list: () => fencedItems(blobs.list(), process),
    collect: (...given) => write(() => blobs.collect(...given)),
    protect: (...given) => blobs.protect(...given),
  };
}

function openReceipt(receipt: BlobReceipt, { fence, write }: SimulatedProcess): BlobReceipt {
  return {
    missing: () => receipt.missing(),
    accept: (...given) => write(() => receipt.accept(...given)),
    commit: () => write(() => receipt.commit()),
    close: () => fence(receipt.close()),
  };
}

function fencedItems<T>(items: AsyncIterable<T>, process: SimulatedProcess): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      return {
        next: () => process.fence(iterator.next()),
        return: () =>
          process.fence(
            iterator.return?.() ?? Promise.resolve({ done: true as const, value: undefined }),
          ),
      };
    },
  };
}
