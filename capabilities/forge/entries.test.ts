import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { compareBytes, packTuple, utf8 } from '@hansa/foundation';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { BlobReference, ChangeOp } from '../resources/contract.ts';
import { refsInlineMax, refsMax } from './contract.ts';
import { emptyState, isPackKey, packOp, putBlob, refsKey, refsOp, stateOf } from './entries.ts';
import type { Ref, RepositoryState } from './git.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const target = 'a'.repeat(40);

let blobs: MemoryBlobs;

beforeEach(() => {
  blobs = createMemoryBlobs({ crypto });
});

const needs = () => ({ codec, crypto, blobs });

function refs(count: number): Ref[] {
  return Array.from({ length: count }, (_, at) => ({
    name: `refs/tags/v${String(at).padStart(4, '0')}`,
    target,
  }));
}

function stateWith(given: Partial<RepositoryState> = {}): RepositoryState {
  return { ...emptyState, ...given };
}

function putOf(op: ChangeOp): { value: Uint8Array; blobs: readonly BlobReference[] } {
  if ('delete' in op) {
    throw new Error('a table is put');
  }
  return op.put;
}

describe('the table of refs', () => {
  test('lies in the entry up to a hundred refs, and in a blob that it names above', async () => {
    for (const [count, blobCount] of [
      [0, 0],
      [refsInlineMax, 0],
      [refsInlineMax + 1, 1],
      [5_000, 1],
    ] as const) {
      const state = stateWith({ refs: refs(count) });
      const op = putOf(await refsOp(needs(), state));
      expect(op.blobs).toHaveLength(blobCount);
      expect(await stateOf(needs(), op)).toEqual(state);
      expect(op.value.length).toBeLessThan(64 * 1_024);
    }
  });

  test('goes into a blob also where few refs have long names', async () => {
    const long = Array.from({ length: 90 }, (_, at) => ({
      name: `refs/heads/${'x/'.repeat(440)}${at + 10}`,
      target,
    }));
    const op = putOf(await refsOp(needs(), stateWith({ refs: long })));
    expect(op.blobs).toHaveLength(1);
    expect(await stateOf(needs(), op)).toEqual(stateWith({ refs: long }));
  });

  test('is the same for the same refs, in whatever order they came', async () => {
    const names = fc.uniqueArray(fc.nat(500), { minLength: 1, maxLength: 130 });
    await fc.assert(
      fc.asyncProperty(names, fc.boolean(), async (some, reverse) => {
        const all = some.map((at) => ({ name: `refs/heads/b${at}`, target }));
        const shallow = [target, 'b'.repeat(40)];
        const one = await refsOp(needs(), stateWith({ refs: all, shallow }));
        const other = stateWith({
          refs: reverse ? all.toReversed() : all.toSorted((a, b) => (a.name < b.name ? 1 : -1)),
          shallow: shallow.toReversed(),
        });
        expect(await refsOp(needs(), other)).toEqual(one);
      }),
      { numRuns: 100 },
    );
  });

  test('with more refs than anybody reads is refused before it is written', async () => {
    const many = Array.from({ length: refsMax + 1 }, (_, at) => ({ name: `refs/x/${at}`, target }));
    const op = refsOp(needs(), stateWith({ refs: many }));
    await expect(op).rejects.toMatchObject({ code: 'CHANGE_TOO_LARGE' });
  });

  test('that was never written is an empty repository', async () => {
    expect(await stateOf(needs(), undefined)).toEqual(emptyState);
  });
});

describe('a table that an owner should not have signed is CHANGE_INVALID', () => {
  const inline = (table: unknown) => ({ value: codec.encode({ inline: table }), blobs: [] });
  const named = (name: string): Ref => ({ name, target });

  test.each<[string, object]>([
    ['without HEAD', { refs: [], shallow: [] }],
    ['with a name that is a way out of a folder', stateWith({ refs: [named('refs/../../x')] })],
    ['with a name that is an option', stateWith({ refs: [named('--upload-pack=x')] })],
    ['with a name that is empty', stateWith({ refs: [named('')] })],
    ['with a name that breaks a line', stateWith({ refs: [named('refs/heads/a\nb')] })],
    [
      'with a target that is no object',
      stateWith({ refs: [{ name: 'refs/heads/a', target: 'x' }] }),
    ],
    [
      'with a target of another length',
      stateWith({ refs: [{ name: 'refs/heads/a', target: 'a'.repeat(41) }] }),
    ],
    ['with a HEAD that is no name', stateWith({ head: '../HEAD' })],
    ['with a shallow commit that is none', stateWith({ shallow: ['HEAD'] })],
    ['with a name twice', stateWith({ refs: [named('refs/heads/a'), named('refs/heads/a')] })],
    [
      'with a name that is the folder of another',
      stateWith({ refs: [named('refs/heads/a'), named('refs/heads/a/b')] }),
    ],
    ['with a name that is the platform’s own', stateWith({ refs: [named('refs/hansa/x')] })],
  ])('%s', async (_, table) => {
    await expect(stateOf(needs(), inline(table))).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    const blob = await putBlob(needs(), [codec.encode(table)]);
    const entry = { value: codec.encode({ blob: blob.id }), blobs: [blob] };
    await expect(stateOf(needs(), entry)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test.each<[string, Uint8Array]>([
    ['that is no value of ours', utf8('ref: refs/heads/main')],
    ['that is empty', new Uint8Array(0)],
    ['that is neither inline nor a blob', codec.encode({ refs: [] })],
    ['whose blob is not named by an id', codec.encode({ blob: '../../etc/passwd' })],
    ['whose blob is not a text', codec.encode({ blob: 3 })],
  ])('%s', async (_, value) => {
    const read = stateOf(needs(), { value, blobs: [] });
    await expect(read).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test('that names a blob which its entry does not: nobody would fetch or keep it', async () => {
    const blob = await putBlob(needs(), [codec.encode(stateWith())]);
    const entry = { value: codec.encode({ blob: blob.id }), blobs: [] };
    await expect(stateOf(needs(), entry)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test('that is a blob larger than any table: it is not even read', async () => {
    const blob = await putBlob(needs(), [new Uint8Array(65 * 1_024 * 1_024)]);
    let read = false;
    const watched = {
      ...needs(),
      blobs: {
        ...blobs,
        read: (...given: Parameters<MemoryBlobs['read']>) => {
          read = true;
          return blobs.read(...given);
        },
      },
    };
    const entry = { value: codec.encode({ blob: blob.id }), blobs: [blob] };
    await expect(stateOf(watched, entry)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    expect(read).toBe(false);
  });

  test('of any other bytes, and nothing worse', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (value) => {
        const read = stateOf(needs(), { value, blobs: [] });
        await expect(read).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('packs', () => {
  test('are entries in the order of pushes, which is the order that thin packs lean on', async () => {
    const pack = await putBlob(needs(), [utf8('pack')]);
    const keys = [0, 1, 9, 10, 255, 256, 70_000, Number.MAX_SAFE_INTEGER].map((after) => {
      const op = packOp(after, pack);
      return 'put' in op ? op.put.key : new Uint8Array(0);
    });
    expect(keys.toSorted(compareBytes)).toEqual(keys);
    keys.forEach((key) => expect(isPackKey(key)).toBe(true));
  });

  test('are told from the table, and from keys of owners that know more than we do', () => {
    expect(isPackKey(refsKey)).toBe(false);
    expect(isPackKey(packTuple(['pages', 1]))).toBe(false);
    expect(isPackKey(utf8('not a tuple'))).toBe(false);
    expect(isPackKey(new Uint8Array(0))).toBe(false);
  });
});
