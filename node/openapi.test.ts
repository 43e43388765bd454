import type { Contract, HttpRoute } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { openApi } from './openapi.ts';
import { ask, openShelves, shelvesContract } from './shelves.suite.ts';

const push: HttpRoute = {
  method: 'POST',
  path: '/git/*',
  permission: 'forge.write',
  summary: 'Takes a push.',
  handle: async () => ({ status: 200, headers: {}, body: new Uint8Array(0) }),
};
const described = () =>
  JSON.parse(
    JSON.stringify(openApi({ contracts: [shelvesContract], routes: [push], version: '1' })),
  );

test('every method with a route is a path, with its parameters, body and answers', () => {
  const { openapi, paths } = described();
  expect(openapi).toBe('3.1.0');
  expect(Object.keys(paths)).toEqual([
    '/health',
    '/books',
    '/books/{title}',
    '/readings/{count}',
    '/git/{rest}',
  ]);
  const { put } = paths['/books/{title}'];
  expect(put).toMatchObject({
    operationId: 'shelves.put',
    summary: 'Puts a book on the shelf.',
    'x-permission': 'shelves.write',
    parameters: [{ name: 'title', in: 'path', required: true }],
  });
  const body = put.requestBody.content['application/json'].schema;
  expect(body).toMatchObject({ required: ['pages'], additionalProperties: false });
  expect(Object.keys(body.properties)).toEqual(['pages']);
  expect(put.responses[200].content['application/json'].schema.required).toEqual([
    'title',
    'pages',
  ]);
  expect(put.responses[409].description).toContain('RESOURCE_EXISTS');
  expect(paths['/books'].get.parameters[0]).toMatchObject({
    name: 'limit',
    in: 'query',
    required: false,
  });
  expect(Object.keys(paths['/books/{title}'].delete.responses)).toContain('204');
});

test('a watch is described line by line', () => {
  const { get } = described().paths['/readings/{count}'];
  const { oneOf } = get.responses[200].content['application/x-ndjson'].schema;
  expect(oneOf.map(({ required }: { required: string[] }) => required[0])).toEqual([
    'item',
    'end',
    'error',
  ]);
});

test('schemas that name themselves stay whole inside the document', () => {
  interface Tree {
    readonly leaves: readonly Tree[];
  }
  const tree: z.ZodType<Tree> = z.lazy(() => z.object({ leaves: z.array(tree) }));
  const named = z.object({ at: z.string() }).meta({ id: 'Place' });
  const contract: Contract<{ grow(input: { at: { at: string } }): Promise<Tree> }> = {
    name: 'trees',
    version: 1,
    methods: {
      grow: {
        summary: 'Grows.',
        permission: 'trees.write',
        route: 'POST /trees',
        errors: [],
        input: z.object({ at: named }),
        output: tree,
      },
    },
  };
  const document = openApi({ contracts: [contract], routes: [], version: '1' });
  const text = JSON.stringify(document);
  const known = new Set(Object.keys(JSON.parse(text).components.schemas));
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(
    ([, reference = '']) => reference,
  );
  expect(references.length).toBeGreaterThan(2);
  for (const reference of references) {
    expect(known).toContain(reference.replace('#/components/schemas/', ''));
  }
  expect(text).not.toContain('$defs');
});

test('the road serves its own description', async () => {
  const road = await openShelves({ routes: [push] });
  const answer = await ask(road, '/openapi.json');
  expect(answer.json).toMatchObject({ info: { title: 'Hansa', version: '9.9.9' } });
});
