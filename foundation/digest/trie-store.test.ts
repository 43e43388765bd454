import { setImmediate as turn } from 'node:timers/promises';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { toHex, utf8 } from '../bytes.ts';
import { emptyTrie, type DigestTrie } from '../digest-trie.ts';
import { HansaError } from '../errors.ts';
import { scopeStore } from '../store/scoped-store.ts';
import type { KeyValueStore } from '../store/store.ts';
import type { TrieChange } from './trie-leaf.ts';
import { childrenBytes, nodeBytes, nodeKind } from './trie-hash.ts';
import { createTrieStore, type PagedTrie, type TrieStore } from './trie-store.ts';
import type { TrieView } from './trie-view.ts';

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const name = 'kv/a';

let store: KeyValueStore;

beforeEach(() => {
  store = createMemoryStore({ clock: createHandClock() });
});

function tries(own = store): TrieStore {
  return createTrieStore({ store: own, codec, crypto });
}

const { hasher } = createTrieStore({
  store: createMemoryStore({ clock: createHandClock() }),
  codec,
  crypto,
});

/** A change of the key that the number names; version 0 removes it. */
interface Write {
  readonly key: number;
  readonly version: number;
}

function change({ key, version }: Write): TrieChange {
  const bytes = utf8(`key-${key}`);
  const valueHash = crypto.hash(utf8(`${key} ${version}`));
  const hash = version === 0 ? undefined : hasher.leaf({ key: bytes, version, valueHash });
  return { key: bytes, hash };
}

/** The same by the plain trie, which holds everything in memory. */
function plain(writes: readonly Write[], from: DigestTrie = emptyTrie(crypto)): DigestTrie {
  return writes.reduce((trie, { key, version }) => {
    const bytes = utf8(`key-${key}`);
    const valueHash = crypto.hash(utf8(`${key} ${version}`));
    return version === 0 ? trie.remove(bytes) : trie.set({ key: bytes, version, valueHash });
  }, from);
}

async function write(trie: PagedTrie, writes: readonly Write[], at: number): Promise<void> {
  const draft = trie.draft();
  await draft.apply(writes.map(change));
  trie.commit(draft, at);
}

async function maintain(trie: PagedTrie): Promise<void> {
  if (trie.isDue) {
    await trie.write();
    await trie.deepen();
  }
}

const writes = fc.array(fc.record({ key: fc.nat(60), version: fc.integer({ min: 0, max: 3 }) }), {
  maxLength: 40,
});
const step = fc.record({ writes, pages: fc.boolean(), reopen: fc.boolean() });

describe('a trie in pages', () => {
  test('has the root of the plain trie, whenever pages are written and it is opened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 6 }), fc.nat(2_000), async (steps, expected) => {
        const own = createMemoryStore({ clock: createHandClock() });
        let kept = tries(own);
        let reference = emptyTrie(crypto);
        let written = { reference, at: 0 };
        let since: Write[][] = [];
        for (const [index, each] of steps.entries()) {
          const trie = await kept.open(name, 1, expected);
          await write(trie, each.writes, index + 1);
          reference = plain(each.writes, reference);
          since.push([...each.writes]);
          expect(toHex(trie.root)).toBe(toHex(reference.root));
          if (each.pages) {
            await trie.write();
            written = { reference, at: index + 1 };
            since = [];
          }
          if (each.reopen) {
            kept = tries(own);
            const again = await kept.open(name, 1, expected);
            expect(again.at).toBe(written.at);
            expect(toHex(again.root)).toBe(toHex(written.reference.root));
            for (const lost of since) {
              await write(again, lost, again.at + 1);
            }
            expect(toHex(again.root)).toBe(toHex(reference.root));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('gets deeper as it grows, and stays what it is', async () => {
    const all = Array.from({ length: 6_000 }, (_, key) => ({ key, version: 1 }));
    const trie = await tries().open(name, 1);
    for (let at = 0; at < all.length; at += 500) {
      await write(trie, all.slice(at, at + 500), at + 500);
      await maintain(trie);
    }
    await trie.write();
    await trie.deepen();
    const again = await tries().open(name, 1);
    expect(again.at).toBe(6_000);
    expect(toHex(again.root)).toBe(toHex(plain(all).root));
    await write(again, [{ key: 7, version: 2 }], 6_001);
    expect(toHex(again.root)).toBe(toHex(plain([...all, { key: 7, version: 2 }]).root));
  });

  test('keeps what a draft would make of it to the draft', async () => {
    const trie = await tries().open(name, 1);
    await write(trie, [{ key: 1, version: 1 }], 1);
    const before = toHex(trie.root);
    const draft = trie.draft();
    const after = await draft.apply([change({ key: 2, version: 1 })]);
    expect(toHex(trie.root)).toBe(before);
    expect(toHex(after)).not.toBe(before);
    const further = await draft.apply([change({ key: 2, version: 0 })]);
    expect(toHex(further)).toBe(before);
  });

  test('that was removed is empty when it is opened again', async () => {
    const kept = tries();
    const trie = await kept.open(name, 1);
    await write(trie, [{ key: 1, version: 1 }], 1);
    await trie.write();
    await kept.remove(name);
    const again = await kept.open(name, 1);
    expect(again.at).toBe(0);
    expect(toHex(again.root)).toBe('00'.repeat(32));
  });
});

describe('a crash while pages are written', () => {
  /** Lets so many transactions through, then none. */
  function dying(after: number): KeyValueStore {
    const through = scopeStore(store, 'x');
    let left = after;
    return {
      ...through,
      limits: through.limits,
      async transact(transaction, options) {
        left -= 1;
        if (left < 0) {
          throw new HansaError('STORE_UNAVAILABLE', 'dead');
        }
        return through.transact(transaction, options);
      },
    };
  }

  test('is made good by repeating the changes since the pages were whole', async () => {
    const random = createSeededRandom(5);
    const some = (): Write[] =>
      Array.from({ length: 700 }, () => ({
        key: random.integer(3_000),
        version: random.integer(4),
      }));
    for (let after = 0; after < 12; after += 1) {
      store = createMemoryStore({ clock: createHandClock() });
      const [first, second] = [some(), some()];
      const whole = await tries(scopeStore(store, 'x')).open(name, 1, 3_000);
      await write(whole, first, 10);
      await whole.write();
      const kept = await tries(dying(after)).open(name, 1);
      await write(kept, second, 20);
      const written = await kept.write().then(
        () => true,
        () => false,
      );
      const again = await tries(scopeStore(store, 'x')).open(name, 1);
      expect(again.at).toBe(written ? 20 : 10);
      expect(again.trustedFrom).toBe(after === 0 ? 10 : 20);
      if (!written) {
        await write(again, second, 20);
      }
      expect(toHex(again.root)).toBe(toHex(plain([...first, ...second]).root));
      await again.write();
      const once = await tries(scopeStore(store, 'x')).open(name, 1);
      expect(toHex(once.root)).toBe(toHex(again.root));
    }
  });
});

test('what is committed while pages are written is in the trie, and in the next pages', async () => {
  const trie = await tries().open(name, 1, 3_000);
  const some = (from: number): Write[] =>
    Array.from({ length: 900 }, (_, index) => ({ key: from + index, version: 1 + (from % 3) }));
  await write(trie, some(0), 1);
  const writing = trie.write();
  await write(trie, some(400), 2);
  await write(trie, some(100), 3);
  await writing;
  const reference = plain([...some(0), ...some(400), ...some(100)]);
  expect(toHex(trie.root)).toBe(toHex(reference.root));
  const interrupted = await tries().open(name, 1);
  expect(interrupted.at).toBe(1);
  expect(toHex(interrupted.root)).toBe(toHex(plain(some(0)).root));
  await trie.write();
  expect(trie.pending).toBe(0);
  expect(toHex((await tries().open(name, 1)).root)).toBe(toHex(reference.root));
});

/** Every answer of the store comes some turns of the loop after what it tells of is done. */
function late(own: KeyValueStore, fraction: () => number): KeyValueStore {
  const turns = async (): Promise<void> => {
    for (let left = Math.floor(fraction() * 6); left > 0; left -= 1) {
      await turn();
    }
  };
  const slowly: Partial<KeyValueStore> = {
    async batchRead(keys) {
      const answer = await own.batchRead(keys);
      await turns();
      return answer;
    },
    async transact(transaction) {
      const answer = await own.transact(transaction);
      await turns();
      return answer;
    },
  };
  return new Proxy(own, {
    get(target, property: keyof KeyValueStore) {
      const value = target[property];
      return slowly[property] ?? (typeof value === 'function' ? value.bind(target) : value);
    },
  });
}

test.each([1, 2, 3, 4])(
  'its own pages are never taken for another node’s, nor for those that they follow (seed %i)',
  async (seed) => {
    const { fraction } = createSeededRandom(seed);
    const slow = late(store, fraction);
    const pausing = { store: slow, codec, crypto, pause: () => turn() };
    let trie = await createTrieStore(pausing).open(name, 1, 10_000); // more pages than one read
    let all: Write[] = [];
    const written: Promise<void>[] = [];
    for (let at = 1; at <= 12; at += 1) {
      const some = Array.from({ length: 200 }, () => ({
        key: Math.floor(fraction() * 1_500),
        version: Math.floor(fraction() * 4),
      }));
      await write(trie, some, at);
      all = [...all, ...some];
      written.push(trie.write());
      if (at === 6) {
        await Promise.all(written);
        trie = await createTrieStore(pausing).open(name, 1); // nothing of it is in memory
      }
    }
    await Promise.all(written);
    const { root } = plain(all);
    expect(toHex(trie.root)).toBe(toHex(root));
    expect(toHex((await tries().open(name, 1)).root)).toBe(toHex(root));
  },
);

describe('two nodes with one trie', () => {
  test('the one that writes later is told, and starts again from what is there', async () => {
    const [one, two] = [await tries().open(name, 1), await tries().open(name, 1)];
    await write(one, [{ key: 1, version: 1 }], 1);
    await write(two, [{ key: 1, version: 1 }], 1);
    await one.write();
    await expect(two.write()).rejects.toMatchObject({ code: 'CONFLICT' });
    const again = await tries().open(name, 1);
    await write(again, [{ key: 2, version: 1 }], 2);
    await again.write();
    const late = write(one, [{ key: 3, version: 1 }], 3);
    await expect(late.then(() => one.write())).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('a view', () => {
  async function walk(view: TrieView, prefix: number[] = []): Promise<string[]> {
    const children = await view.children(prefix);
    const found: string[] = [];
    for (let digit = 0; digit * nodeBytes < childrenBytes; digit += 1) {
      const node = children.subarray(digit * nodeBytes, (digit + 1) * nodeBytes);
      if (node[0] === nodeKind.leaf) {
        found.push(toHex(node.subarray(1)));
      } else if (node[0] === nodeKind.branch) {
        found.push(...(await walk(view, [...prefix, digit])));
      }
    }
    return found;
  }

  test('has every leaf once, by walking down as by reading, and joins to the root', async () => {
    const trie = await tries().open(name, 1);
    const all = Array.from({ length: 1_500 }, (_, key) => ({ key, version: 1 }));
    await write(trie, all.slice(0, 1_000), 1);
    await trie.write();
    await write(trie, all.slice(1_000), 2);
    const view = await trie.view();
    const read: string[] = [];
    for await (const { hash } of view.leaves([])) {
      read.push(toHex(hash));
    }
    expect(read).toHaveLength(1_500);
    expect(await walk(view)).toEqual(read);
    expect(toHex(hasher.join(await view.children([])).subarray(1))).toBe(toHex(view.root));
  });

  test('stays as it was, also where pages are written and cut anew meanwhile', async () => {
    const trie = await tries().open(name, 1);
    const all = Array.from({ length: 900 }, (_, key) => ({ key, version: 1 }));
    await write(trie, all.slice(0, 200), 1);
    await trie.write();
    const view = await trie.view();
    const before = await walk(view);
    await write(trie, [...all, { key: 3, version: 0 }], 2);
    await trie.write();
    await trie.deepen();
    expect(await walk(view)).toEqual(before);
    expect(await walk(await trie.view())).toHaveLength(899);
  });

  test('reads on after a path, and only under a prefix', async () => {
    const trie = await tries().open(name, 1, 600);
    const all = Array.from({ length: 300 }, (_, key) => ({ key, version: 1 }));
    await write(trie, all, 1);
    const view = await trie.view();
    const paths: Uint8Array[] = [];
    for await (const { path } of view.leaves([])) {
      paths.push(path);
    }
    const rest: string[] = [];
    for await (const { path } of view.leaves([], paths[99])) {
      rest.push(toHex(path));
    }
    expect(rest).toEqual(paths.slice(100).map((path) => toHex(path)));
    const under: string[] = [];
    for await (const { path } of view.leaves([3, 12])) {
      under.push(toHex(path));
    }
    expect(under).toEqual(paths.map((path) => toHex(path)).filter((hex) => hex.startsWith('3c')));
  });
});

test('a page with a flipped bit is damage, not another digest', async () => {
  const trie = await tries().open(name, 1);
  await write(trie, [{ key: 1, version: 1 }], 1);
  await trie.write();
  const { entries } = await store.scan({ prefix: new Uint8Array(0) });
  const page = entries.find(({ value }) => value.length > childrenBytes + 40);
  const bytes = new Uint8Array(page?.value ?? []);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await store.set(page?.key ?? new Uint8Array(0), bytes);
  const again = await tries().open(name, 1);
  const late = again.draft().apply([change({ key: 2, version: 1 })]);
  await expect(late).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});
