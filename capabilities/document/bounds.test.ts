import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { remote } from '@hansa/foundation';
import { beforeEach, expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { carrierTo } from '../../testkit/test-cluster.ts';
import { jsonDepthMax } from '../kv/contract.ts';
import { descriptionLengthMax, labelsMax, type ResourceLog } from '../resources/contract.ts';
import { documentContract, documentKind, documentsMax, type Documents } from './contract.ts';
import { createDocuments } from './service.ts';

const ports = { document: 'ports' };
let log: ResourceLog;
let documents: Documents;
/** Own documents besides those here. */
let others = 0;

beforeEach(async () => {
  others = 0;
  const bench = createResourceBench();
  log = await bench.open();
  const other = { kind: documentKind } as ReturnType<typeof log.all>[number];
  const { documents: service } = createDocuments({
    codec: createMsgpackCodec(),
    clock: bench.clock,
    signer: bench.signer,
    resources: {
      ...log,
      all: () => [...Array.from({ length: others }, () => other), ...log.all()],
    },
    mirrors: noMirrors,
    lanes: noLanes,
  });
  documents = remote(
    documentContract,
    carrierTo([{ contract: documentContract, service }], { kind: 'owner' }),
  );
});

test('a document nests so deep; one level more is INPUT_INVALID, and it is not made', async () => {
  const deep = (levels: number): unknown =>
    JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
  const deeper = documents.put({ ...ports, value: deep(jsonDepthMax + 1) });
  await expect(deeper).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  expect(log.all()).toEqual([]);
  await documents.put({ ...ports, value: deep(jsonDepthMax) });
  expect((await documents.get(ports)).value).toEqual(deep(jsonDepthMax));
});

test('a document carries so many labels; one more is INPUT_INVALID, and it is not made', async () => {
  const labels = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${at}`, 'x']));
  const more = documents.put({ ...ports, value: 1, labels: labels(labelsMax + 1) });
  await expect(more).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  expect(log.all()).toEqual([]);
  await documents.put({ ...ports, value: 1, labels: labels(labelsMax) });
  expect(log.all().map((each) => each.labels)).toEqual([labels(labelsMax)]);
});

test('a description has so many characters; one more is INPUT_INVALID, and nothing is made', async () => {
  const described = (length: number): Promise<unknown> =>
    documents.put({ ...ports, value: 1, description: 'x'.repeat(length) });
  await expect(described(descriptionLengthMax + 1)).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  expect(log.all()).toEqual([]);
  await described(descriptionLengthMax);
  expect(log.all().map(({ description }) => description.length)).toEqual([descriptionLengthMax]);
});

test('there are so many documents; one more is STORE_LIMIT until one goes', async () => {
  others = documentsMax - 1;
  await documents.put({ ...ports, value: 1 });
  const more = { document: 'more', value: 1 };
  await expect(documents.put(more)).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  expect(log.all().map(({ name }) => name)).toEqual(['ports']);
  await documents.put({ ...ports, value: 2 });
  await documents.delete(ports);
  await expect(documents.put(more)).resolves.toMatchObject({ name: 'more' });
});
