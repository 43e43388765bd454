// The smallest federated kind: notes, whose changes are values with a blob each. Only simulations
// use it; it checks that what a batch names is here before the batch is applied.
import type { FederatedKind, MirrorView } from '@hansa/capabilities/sync/contract';
import type { BlobReference, ChangeOp } from '@hansa/capabilities/resources/contract';
import { HansaError, manifestId, utf8, type Blobs, type Crypto } from '@hansa/foundation';

export const noteKindName = 'note';

export function createNoteKind({ blobs }: { readonly blobs: Blobs }): FederatedKind {
  const requireBlobs = async (references: readonly BlobReference[]): Promise<void> => {
    for (const { id } of references) {
      if ((await blobs.info(id)) === undefined) {
        throw new HansaError('BLOB_NOT_FOUND', `a note names blob ${id}, which is not here`);
      }
    }
  };
  return {
    kind: noteKindName,
    async stage(_before, changes) {
      const last = new Map<string, readonly BlobReference[]>();
      for (const op of changes.flatMap(({ change }) => change.ops)) {
        const key = 'put' in op ? op.put.key : op.delete.key;
        last.set(key.join(), 'put' in op ? op.put.blobs : []);
      }
      await requireBlobs([...last.values()].flat());
      return { commit: async () => undefined, discard: async () => undefined };
    },
    async settle(mirror: MirrorView) {
      for await (const entry of mirror.entries()) {
        await requireBlobs(entry.blobs);
      }
    },
    purge: async () => undefined,
  };
}

export interface NoteLine {
  readonly key: string;
  /** Undefined deletes the line. */
  readonly text: string | undefined;
  /** Stored as a blob that the line names. */
  readonly attachment: string | undefined;
}

/** Stores the attachments, and answers with the change that names them. */
export async function noteOps(
  needs: { readonly blobs: Blobs; readonly crypto: Crypto },
  lines: readonly NoteLine[],
): Promise<readonly ChangeOp[]> {
  const ops: ChangeOp[] = [];
  for (const { key, text, attachment } of lines) {
    if (text === undefined) {
      ops.push({ delete: { key: utf8(key) } });
      continue;
    }
    const attached = attachment === undefined ? [] : [await attach(needs, attachment)];
    ops.push({ put: { key: utf8(key), value: utf8(text), blobs: attached } });
  }
  return ops;
}

async function attach(
  { blobs, crypto }: { readonly blobs: Blobs; readonly crypto: Crypto },
  text: string,
): Promise<BlobReference> {
  const info = await blobs.put(onePiece(utf8(text)));
  return { ...info, manifest: manifestId(crypto, info, await blobs.chunks(info.id)) };
}

async function* onePiece(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
