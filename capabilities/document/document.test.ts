import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  fromUtf8,
  HansaError,
  localId,
  utf8,
  type Hlc,
  type FederatedId,
} from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { encodeCell, nextCell, type JsonValue } from '../kv/contract.ts';
import type { ChangeOp, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import type { MirrorView, Mirrors } from '../sync/contract.ts';
import { documentCapability } from './capability.ts';
import { documentContract, documentKind, type Documents } from './contract.ts';
import { documentSuite } from './document.suite.ts';
import { documentFrom, settingsKey, spellDocument, valueKey } from './keys.ts';
import { mergePatch } from './merge-patch.ts';
import { createDocuments, type DocumentService } from './service.ts';

const codec = createMsgpackCodec();
const bergen = clusterOf(createNodeCrypto(), 7);
const id = localId(documentKind, 'ports');
const ports = { document: 'ports' };
const mirrored = federatedId(bergen, id);
const runs = { numRuns: 1_000 };

interface TestMirrors extends Mirrors {
  held: ReadonlyMap<string, ResourceEntry>;
  gone: boolean;
  tell(): void;
}

function createTestMirrors(): TestMirrors {
  const listeners = new Set<(resource: FederatedId) => void>();
  const found = { resource: mirrored, ownerName: 'bergen', kind: documentKind, name: 'ports' };
  const made = {
    held: new Map<string, ResourceEntry>(),
    gone: false,
    resolve(spelled: string) {
      if (spelled !== 'bergen:document/ports') {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return mirrored;
    },
    find: () => (made.gone ? undefined : found),
    view: async () => (made.held.size === 0 ? undefined : viewOf(made.held)),
    all: () => (made.gone ? [] : [found]),
    subscribe(changed: (resource: FederatedId) => void) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    registerKind: () => undefined,
    tell: () => listeners.forEach((changed) => changed(mirrored)),
  };
  return made as unknown as TestMirrors;
}

function viewOf(held: ReadonlyMap<string, ResourceEntry>): MirrorView {
  return {
    resource: mirrored,
    epoch: 1,
    entry: async (key) => held.get(fromUtf8(key)),
    async *entries() {
      yield* held.values();
    },
  };
}

interface Opened extends DocumentService {
  readonly log: ResourceLog;
  readonly mirrors: TestMirrors;
}

async function open(bench = createResourceBench()): Promise<Opened> {
  const log = await bench.open();
  const mirrors = createTestMirrors();
  const { clock, signer } = bench;
  return {
    log,
    mirrors,
    ...createDocuments({ codec, clock, signer, resources: log, mirrors, lanes: noLanes }),
  };
}

roads<Documents>(documentContract, async () => (await open()).documents).forEach(documentSuite);

describe('a document in its log', () => {
  test('is stored in the one spelling that equal values share', async () => {
    const { documents, log } = await open();
    await documents.put({ ...ports, value: { b: 1.0, a: { z: '\u2028', é: [] } } });
    const entry = await log.entry(id, valueKey);
    expect(fromUtf8(documentFrom(codec, entry!.value, bergen).cell.value)).toBe(
      '{"a":{"z":"\u2028","é":[]},"b":1}',
    );
  });

  test('that was made and never written, as by a crash, is absent, and the next write heals it', async () => {
    const { documents, log } = await open();
    await log.create({ kind: documentKind, name: 'ports', type: 'board' });
    await expect(documents.get(ports)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    const put = documents.put({ ...ports, value: 1, ifVersion: 0 });
    await expect(put).resolves.toMatchObject({ version: 1, type: 'board' });
  });

  test('written at the same time on two nodes loses nothing', async () => {
    const bench = createResourceBench();
    const [one, two] = [await open(bench), await open(bench)];
    const made = [one, two].map(({ documents }) => documents.put({ ...ports, value: {} }));
    expect(
      (await Promise.all(made)).map(({ version }) => version).toSorted((a, b) => a - b),
    ).toEqual([1, 2]);
    const keys = Array.from({ length: 20 }, (_, at) => `key-${at}`);
    await Promise.all(
      keys.map((key, at) =>
        (at % 2 === 0 ? one : two).documents.patch({ ...ports, patch: { [key]: at } }),
      ),
    );
    const { value } = await one.documents.get(ports);
    expect(Object.keys(value as object)).toHaveLength(20);
  });
});

describe('a merge patch', () => {
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
  const asJsonValue = json as fc.Arbitrary<JsonValue>;

  // RFC 7396, appendix A
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
    ['{}', '{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}'],
  ])('makes of %s by %s: %s', (target, patch, result) => {
    const patched = mergePatch(JSON.parse(target), JSON.parse(patch));
    expect(JSON.stringify(patched)).toBe(result);
  });

  test('changes nothing the second time', () => {
    fc.assert(
      fc.property(asJsonValue, asJsonValue, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
      runs,
    );
  });

  test('leaves a value that its spelling gives back', () => {
    fc.assert(
      fc.property(asJsonValue, asJsonValue, (target, patch) => {
        const value = mergePatch(target, patch);
        const cell = nextCell(undefined, { value: spellDocument(value), by: bergen, now: [1, 0] });
        expect(documentFrom(codec, encodeCell(codec, cell, bergen), bergen).value).toEqual(value);
      }),
      runs,
    );
  });
});

const hlc: Hlc = [1_000, 0];

function change(ops: readonly ChangeOp[]) {
  return { sequence: 2, change: { epoch: 1, previous: 1, ops, hlc, author: 'bergen' } };
}

function valueBytes(text: string | undefined, now = hlc): Uint8Array {
  const value = text === undefined ? text : utf8(text);
  return encodeCell(codec, nextCell(undefined, { value, by: bergen, now }), bergen);
}

function putOp(key: Uint8Array, value: Uint8Array): ChangeOp {
  return { put: { key, value, blobs: [] } };
}

describe('a mirror of a document', () => {
  const never = new AbortController().signal;

  test.each<[string, ChangeOp]>([
    ['another key', putOp(utf8('other'), valueBytes('1'))],
    ['a deleted value', { delete: { key: valueKey } }],
    ['a value that is remembered as deleted', putOp(valueKey, valueBytes(undefined))],
    ['no JSON', putOp(valueKey, valueBytes('{'))],
    ['JSON in another spelling', putOp(valueKey, valueBytes('{"a": 1}'))],
    ['JSON that is too deep', putOp(valueKey, valueBytes(`${'['.repeat(65)}${']'.repeat(65)}`))],
    ['a value from the future', putOp(valueKey, valueBytes('1', [hlc[0] + 60_001, 0]))],
    ['settings of another shape', putOp(settingsKey, codec.encode({ type: 1 }))],
    ['a value over the limit', putOp(valueKey, valueBytes(`"${'x'.repeat(300 * 1_024)}"`))],
  ])('refuses %s, though its owner signed it', async (_, op) => {
    const { kind } = await open();
    const staged = kind.stage(viewOf(new Map()), [change([op])], never);
    await expect(staged).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test('takes what the owner writes, and tells a watcher of it and of its end', async () => {
    const { documents, kind, mirrors } = await open();
    const items = documents.watch({ document: 'bergen:ports' })[Symbol.asyncIterator]();
    const first = items.next();
    const settings = codec.encode({ type: 'board' });
    const ops = [putOp(valueKey, valueBytes('{"a":1}')), putOp(settingsKey, settings)];
    const staged = await kind.stage(viewOf(new Map()), [change(ops)], never);
    const entry = (key: Uint8Array, value: Uint8Array) => ({ key, value, version: 1, blobs: [] });
    mirrors.held = new Map([
      ['value', entry(valueKey, valueBytes('{"a":1}'))],
      ['\u0000settings', entry(settingsKey, settings)],
    ]);
    await staged.commit();
    mirrors.tell();
    await expect(first).resolves.toMatchObject({
      value: { type: 'put', document: { role: 'mirror', type: 'board', value: { a: 1 } } },
    });
    expect((await documents.list({ type: 'board' })).documents).toMatchObject([
      { name: 'ports', ownerName: 'bergen', version: 1 },
    ]);
    const end = items.next();
    mirrors.gone = true;
    mirrors.held = new Map();
    await kind.purge({ resource: mirrored, epoch: 1 });
    await expect(end).resolves.toMatchObject({ value: { type: 'delete', resource: mirrored } });
    await items.return?.();
  });
});

test('the node is handed one contract and the kind', async () => {
  const bench = createResourceBench();
  const log = await bench.open();
  const kinds: string[] = [];
  const made = documentCapability({
    codec,
    clock: bench.clock,
    signer: bench.signer,
    resources: log,
    mirrors: { ...createTestMirrors(), registerKind: ({ kind }) => void kinds.push(kind) },
    lanes: noLanes,
  });
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['document']);
  expect(kinds).toEqual(['document']);
});
