// Directories in any order of what is done to them, against a tree in memory: the same paths, the
// same keys in each, and nothing left of what was removed.
import type { Kv } from '@hansa/capabilities/kv/contract';
import { isHansaError } from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openKv } from '../testkit/kv-bench.ts';
import { createDirectories, type Directories, type DirectoryPath } from './directories.ts';

const space = 'store';

/** What a directory holds: directories by name, and how many keys. */
interface Node {
  readonly children: Map<string, Node>;
  keys: number;
}

interface Move {
  readonly is: 'move';
  readonly path: DirectoryPath;
  readonly to: DirectoryPath;
}

type Act = Move | { readonly is: 'create' | 'remove' | 'put'; readonly path: DirectoryPath };

const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ is: fc.constantFrom('create' as const, 'put' as const, 'remove' as const), path }),
  fc.record({ is: fc.constant('move' as const), path, to: path }),
);

const made = (): Node => ({ children: new Map(), keys: 0 });

function find(root: Node, names: DirectoryPath): Node | undefined {
  let at: Node | undefined = root;
  for (const name of names) {
    at = at?.children.get(name);
  }
  return at;
}

/** False where it has to be refused. */
function model(root: Node, given: Act): boolean {
  const { path: names } = given;
  const found = find(root, names);
  const name = names.at(-1) ?? '';
  if (given.is === 'create') {
    let at = root;
    for (const each of names) {
      const next = at.children.get(each) ?? made();
      at.children.set(each, next);
      at = next;
    }
    return found === undefined;
  }
  if (found === undefined) {
    return false;
  }
  if (given.is === 'put') {
    found.keys += 1;
  } else if (given.is === 'remove') {
    find(root, names.slice(0, -1))?.children.delete(name);
  }
  return given.is !== 'move' || moved(root, given, found);
}

function moved(root: Node, { path: from, to }: Move, node: Node): boolean {
  const above = find(root, to.slice(0, -1));
  const isWithin = from.every((each, depth) => to[depth] === each);
  if (isWithin || above === undefined || find(root, to) !== undefined) {
    return false;
  }
  find(root, from.slice(0, -1))?.children.delete(from.at(-1) ?? '');
  above.children.set(to.at(-1) ?? '', node);
  return true;
}

async function real(kv: Kv, directories: Directories, given: Act): Promise<boolean> {
  try {
    if (given.is === 'create') {
      await directories.create(given.path);
    } else if (given.is === 'remove') {
      await directories.remove(given.path);
    } else if (given.is === 'move') {
      await directories.move(given.path, given.to);
    } else {
      const { keys } = await directories.open(given.path);
      const { entries } = await kv.list({ space, ...keys.bounds() });
      await kv.put({ space, key: keys.key(entries.length), text: '' });
    }
    return true;
  } catch (error) {
    const refusals = ['KEY_DIRECTORY_EXISTS', 'KEY_DIRECTORY_NOT_FOUND', 'INPUT_INVALID'] as const;
    if (refusals.some((code) => isHansaError(error, code))) {
      return false;
    }
    throw error;
  }
}

async function requireSame(
  sides: { readonly kv: Kv; readonly directories: Directories },
  node: Node,
  at: DirectoryPath = [],
): Promise<number> {
  const { kv, directories } = sides;
  const found = await directories.list(at);
  const names = found.map((each) => each.path.at(-1) ?? '');
  expect(names).toEqual([...node.children.keys()].toSorted((a, b) => (a < b ? -1 : 1)));
  let entries = 0;
  for (const each of found) {
    const child = node.children.get(each.path.at(-1) ?? '') ?? made();
    const { entries: own } = await kv.list({ space, ...each.keys.bounds() });
    expect(own).toHaveLength(child.keys);
    entries += 1 + own.length + (await requireSame(sides, child, each.path));
  }
  return entries;
}

test('directories are as a tree is, whatever is done to them', async () => {
  const property = fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
    const kv = await openKv();
    await kv.create({ name: space });
    const directories = createDirectories(kv, space);
    const root = made();
    for (const each of acts) {
      expect(await real(kv, directories, each)).toBe(model(root, each));
    }
    const entries = await requireSame({ kv, directories }, root);
    const all = await kv.list({ space, limit: 1_000, keysOnly: true });
    const counter = all.entries.length === 0 ? 0 : 1;
    expect(all.entries).toHaveLength(entries + counter);
  });
  await fc.assert(property, { numRuns: 100 });
}, 120_000);
