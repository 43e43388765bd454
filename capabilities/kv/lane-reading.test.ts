// A mirrored space and our lane beside it, read as one.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  compareBytes,
  federatedId,
  fromUtf8,
  laneId,
  localId,
  utf8,
  type ClusterId,
  type RowRange,
} from '@hansa/foundation';
import { expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { createTestSigner, clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { EntriesAt, ResourceEntry, ResourceLog } from '../resources/contract.ts';
import { decodeCell, encodeCell, kvKind, nextCell } from './contract.ts';
import { withOwnWrites } from './lane-reading.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 7);
const resource = federatedId(bergen, localId(kvKind, 'config'));
const lane = laneId(resource);

function entries(by: ClusterId, words: string): EntriesAt {
  const held: readonly ResourceEntry[] = words.split(' ').map((word) => {
    const [key = '', text = '', at = '1'] = word.split('=');
    const now = [1_000 * Number(at), 0] as const;
    const cell = nextCell(undefined, { value: utf8(text), by, now: [...now] });
    return { key: utf8(key), value: encodeCell(codec, cell, by), version: 1, blobs: [] };
  });
  return {
    epoch: 1,
    sequence: 5,
    revision: 9,
    entry: async (key) => held.find((each) => compareBytes(each.key, key) === 0),
    async *entries({ start = utf8(''), end, reverse = false }: RowRange = {}) {
      const within = held.filter(
        ({ key }) =>
          compareBytes(key, start) >= 0 && (end === undefined || compareBytes(key, end) < 0),
      );
      yield* reverse ? within.toReversed() : within;
    },
  };
}

test('is the same forward and back, the later of both where both have a key', async () => {
  const asked: (readonly [string, number | undefined])[] = [];
  const own = entries(signer.cluster, 'b=ours=2 c=ours=1 d=ours=1 f=ours=1');
  const read = await withOwnWrites(
    {
      codec,
      signer,
      lanes: { ...noLanes, find: () => lane },
      resources: {
        at: async (id, revision) => {
          asked.push([id, revision]);
          return own;
        },
      } as Partial<ResourceLog> as ResourceLog,
    },
    resource,
    entries(bergen, 'a=theirs=1 b=theirs=1 c=theirs=2 e=theirs=1'),
  );
  const shown = async (range?: RowRange): Promise<readonly string[]> =>
    (await collect(read.entries(range))).map(
      ({ key, value }) => `${fromUtf8(key)}=${fromUtf8(decodeCell(codec, value, bergen).value)}`,
    );
  const all = ['a=theirs', 'b=ours', 'c=theirs', 'd=ours', 'e=theirs', 'f=ours'];
  expect(await shown()).toEqual(all);
  expect(await shown({ reverse: true })).toEqual(all.toReversed());
  const range = { start: utf8('b'), end: utf8('e') };
  expect(await shown(range)).toEqual(all.slice(1, 4));
  expect(await shown({ ...range, reverse: true })).toEqual(all.slice(1, 4).toReversed());
  expect(asked).toEqual([[lane, 9]]);
});
