// What any Documents must do, wherever it lives. The cluster behind the road is `lubeck` and owns
// no document yet; `bergen:ports` is a mirror of which nothing has arrived.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { jsonDepthMax } from '../kv/contract.ts';
import { documentBytesMax, type DocumentEvent, type Documents } from './contract.ts';

type With = (act: (documents: Documents) => Promise<void>) => Promise<void>;

const ports = { document: 'ports' };

export function documentSuite(road: Road<Documents>): void {
  const withDocuments: With = async (act) => {
    const { service, close } = await road.make();
    try {
      await act(service);
    } finally {
      await close();
    }
  };
  describe(`documents ${road.name}`, () => values(withDocuments));
  describe(`patches ${road.name}`, () => patches(withDocuments));
  describe(`watches of documents ${road.name}`, () => watches(withDocuments));
}

function values(withDocuments: With): void {
  test('a document is made, read, replaced and deleted', () =>
    withDocuments(async (documents) => {
      const words = { type: 'app/ports', description: 'who listens where', labels: { a: 'b' } };
      const made = await documents.put({ ...ports, value: { http: 80, a: [1, null] }, ...words });
      expect(made).toMatchObject({ name: 'ports', role: 'own', version: 1, epoch: 1 });
      expect(made).toMatchObject({ type: 'app/ports', ownerName: 'lubeck', sizeBytes: 24 });
      const read = await documents.get(ports);
      expect(read).toEqual({ ...made, value: { http: 80, a: [1, null] } });
      await expect(documents.put({ ...ports, value: 'none' })).resolves.toMatchObject({
        version: 2,
        type: 'app/ports',
      });
      await expect(documents.get({ document: 'document/ports' })).resolves.toMatchObject({
        value: 'none',
      });
      await expect(documents.delete(ports)).resolves.toMatchObject({ version: 2 });
      const gone = { code: 'RESOURCE_NOT_FOUND' };
      await expect(documents.get(ports)).rejects.toMatchObject(gone);
      await expect(documents.delete(ports)).rejects.toMatchObject(gone);
      const again = documents.put({ ...ports, value: null });
      await expect(again).resolves.toMatchObject({ epoch: 2, version: 1 });
    }));

  test.each([null, true, 0, -1.5e300, '', 'é\u0000', [], {}, { '': { a: [[{}]] } }])(
    '%j is a document',
    (value) =>
      withDocuments(async (documents) => {
        await documents.put({ ...ports, value });
        await expect(documents.get(ports)).resolves.toMatchObject({ value });
      }),
  );

  test('what is no name, no value, or too deep is INPUT_INVALID', () =>
    withDocuments(async (documents) => {
      const invalid = { code: 'INPUT_INVALID' };
      const dots = documents.put({ document: '../x', value: 1 });
      await expect(dots).rejects.toMatchObject(invalid);
      const nothing = documents.put({ ...ports, value: undefined });
      await expect(nothing).rejects.toMatchObject(invalid);
      const levels = jsonDepthMax + 1;
      const deep: unknown = JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);
      await expect(documents.put({ ...ports, value: deep })).rejects.toMatchObject(invalid);
      await expect(documents.get(ports)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));

  test('the largest document is taken, and one byte more is not', () =>
    withDocuments(async (documents) => {
      const text = 'x'.repeat(documentBytesMax - 2);
      await expect(documents.put({ ...ports, value: text })).resolves.toMatchObject({
        sizeBytes: documentBytesMax,
      });
      const larger = documents.put({ ...ports, value: `${text}x` });
      await expect(larger).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
    }));

  test('a condition that does not hold is a CONFLICT, and nothing is written', () =>
    withDocuments(async (documents) => {
      const conflict = { code: 'CONFLICT' };
      const put = (value: unknown, ifVersion: number) =>
        documents.put({ ...ports, value, ifVersion });
      await expect(put(1, 1)).rejects.toMatchObject(conflict);
      await expect(documents.get(ports)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      await expect(put(1, 0)).resolves.toMatchObject({ version: 1 });
      await expect(put(2, 0)).rejects.toMatchObject(conflict);
      await expect(put(2, 1)).resolves.toMatchObject({ version: 2 });
      const drop = documents.delete({ ...ports, ifVersion: 1 });
      await expect(drop).rejects.toMatchObject(conflict);
      await expect(documents.get(ports)).resolves.toMatchObject({ value: 2, version: 2 });
    }));

  test('what a document is for is said when it is made, and stays', () =>
    withDocuments(async (documents) => {
      await documents.put({ ...ports, value: 1, type: 'app/ports' });
      const invalid = { code: 'INPUT_INVALID' };
      const type = documents.put({ ...ports, value: 1, type: 'other' });
      await expect(type).rejects.toMatchObject(invalid);
      const labels = documents.put({ ...ports, value: 1, labels: { a: 'b' } });
      await expect(labels).rejects.toMatchObject(invalid);
      const same = documents.put({ ...ports, value: 2, type: 'app/ports' });
      await expect(same).resolves.toMatchObject({ version: 2 });
    }));

  test('documents are listed by type, page by page, each once', () =>
    withDocuments(async (documents) => {
      for (const name of ['e', 'b', 'd', 'a', 'c']) {
        const type = name === 'd' ? 'other' : 'board';
        await documents.put({ document: `boards/${name}`, value: name, type });
      }
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await documents.list({ type: 'board', limit: 2, ...(cursor && { cursor }) });
        names.push(...page.documents.map(({ name }) => name));
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(names).toEqual(['boards/a', 'boards/b', 'boards/c', 'boards/e']);
      expect((await documents.list({})).documents).toHaveLength(5);
    }));

  test('a mirror is written by its owner alone', () =>
    withDocuments(async (documents) => {
      const mirror = { document: 'bergen:ports' };
      const refused = {
        code: 'RESOURCE_READ_ONLY',
        message: expect.stringContaining('bergen owns ports'),
        fix: expect.stringContaining('hansa sync push bergen:document/ports'),
      };
      await expect(documents.put({ ...mirror, value: 1 })).rejects.toMatchObject(refused);
      await expect(documents.patch({ ...mirror, patch: {} })).rejects.toMatchObject(refused);
      await expect(documents.delete(mirror)).rejects.toMatchObject(refused);
      const get = documents.get(mirror);
      await expect(get).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));
}

function patches(withDocuments: With): void {
  test('a patch changes, adds and takes away members, and leaves the others', () =>
    withDocuments(async (documents) => {
      await documents.put({ ...ports, value: { a: { b: 1, c: 2 }, d: [1, 2], e: null } });
      const patch = { a: { b: null, x: 3 }, d: [3], f: { g: null } };
      await expect(documents.patch({ ...ports, patch })).resolves.toMatchObject({
        version: 2,
        value: { a: { c: 2, x: 3 }, d: [3], e: null, f: {} },
      });
      const late = documents.patch({ ...ports, patch: {}, ifVersion: 1 });
      await expect(late).rejects.toMatchObject({ code: 'CONFLICT' });
    }));

  test('a document that is not there is not made by a patch', () =>
    withDocuments(async (documents) => {
      const patch = documents.patch({ ...ports, patch: {} });
      await expect(patch).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));

  test('patches at the same time are all in the document', () =>
    withDocuments(async (documents) => {
      await documents.put({ ...ports, value: {} });
      const keys = Array.from({ length: 20 }, (_, at) => `key-${at}`);
      await Promise.all(keys.map((key) => documents.patch({ ...ports, patch: { [key]: true } })));
      const { value, version } = await documents.get(ports);
      expect(Object.keys(value as object).toSorted()).toEqual(keys.toSorted());
      expect(version).toBe(21);
    }));
}

function watches(withDocuments: With): void {
  const told = async (items: AsyncIterator<DocumentEvent>): Promise<string> => {
    const { value } = (await items.next()) as { value: DocumentEvent };
    return value.type === 'delete'
      ? `delete ${value.resource.slice(65)}`
      : `${value.document.name} ${value.document.version} ${JSON.stringify(value.document.value)}`;
  };

  test('a document is told as it is, then each newer state, then its end and its return', () =>
    withDocuments(async (documents) => {
      await documents.put({ ...ports, value: 1 });
      const items = documents.watch(ports)[Symbol.asyncIterator]();
      expect(await told(items)).toBe('ports 1 1');
      await documents.put({ document: 'other', value: 1 });
      await documents.patch({ ...ports, patch: 2 });
      expect(await told(items)).toBe('ports 2 2');
      await documents.delete(ports);
      expect(await told(items)).toBe('delete document/ports');
      await documents.put({ ...ports, value: 3 });
      expect(await told(items)).toBe('ports 1 3');
      await items.return?.();
    }));

  test('all of a type are told, and nothing else', () =>
    withDocuments(async (documents) => {
      await documents.put({ ...ports, value: 1, type: 'board' });
      await documents.put({ document: 'other', value: 1 });
      const items = documents.watch({ type: 'board' })[Symbol.asyncIterator]();
      expect(await told(items)).toBe('ports 1 1');
      await documents.put({ document: 'other', value: 2 });
      await documents.put({ document: 'new', value: 1, type: 'board' });
      expect(await told(items)).toBe('new 1 1');
      await items.return?.();
    }));

  test('what is not there cannot be watched', () =>
    withDocuments(async (documents) => {
      const items = documents.watch(ports)[Symbol.asyncIterator]();
      await expect(items.next()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));
}
