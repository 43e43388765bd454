// Blobs in and out, which JSON cannot carry: a program uploads one, then names it in a change.
import {
  blobIdSchema,
  HansaError,
  utf8,
  type Blobs,
  type HttpResponse,
  type HttpRoute,
} from '@hansa/foundation';
import { blobUploadBytesMax } from './contract.ts';

export function blobRoutes(needs: {
  readonly blobs: Blobs;
  /** Throws KIND_UNKNOWN. */
  requireKind(kind: string): void;
}): readonly HttpRoute[] {
  const { blobs } = needs;
  return [
    {
      method: 'POST',
      path: '/kinds/:kind/blobs',
      permission: 'kinds.write',
      summary: 'Stores the body as a blob; a change must name it within the hour.',
      async handle({ params, body }, { signal }) {
        needs.requireKind(params['kind'] ?? '');
        return json(await blobs.put(bounded(body), signal));
      },
    },
    {
      method: 'GET',
      path: '/kinds/:kind/blobs/:blob',
      permission: 'kinds.read',
      summary: 'The bytes of a blob that an entry names.',
      async handle({ params }, { signal }) {
        needs.requireKind(params['kind'] ?? '');
        const id = blobIdSchema.safeParse(params['blob']);
        const info = id.success ? await blobs.info(id.data) : undefined;
        if (info === undefined) {
          throw new HansaError('BLOB_NOT_FOUND', `there is no blob ${params['blob'] ?? ''} here`);
        }
        const headers = {
          'content-type': 'application/octet-stream',
          'content-length': String(info.sizeBytes),
        };
        return { status: 200, headers, body: blobs.read(info.id, { signal }) };
      },
    },
  ];
}

function json(value: object): HttpResponse {
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  return { status: 200, headers, body: utf8(JSON.stringify(value)) };
}

async function* bounded(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > blobUploadBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `a blob has at most ${blobUploadBytesMax} bytes`);
    }
    yield piece;
  }
}
