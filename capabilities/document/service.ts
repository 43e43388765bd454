// Documents as people and programs see them.
import { HansaError, type FederatedId } from '@hansa/foundation';
import type { FederatedKind } from '../sync/contract.ts';
import {
  pageDocumentsDefault,
  type Document,
  type Documents,
  type ShownDocument,
} from './contract.ts';
import {
  allDocuments,
  findDocument,
  notFound,
  ownDocument,
  resolveDocument,
  withoutValue,
  type FindingNeeds,
} from './finding.ts';
import { readJson } from './keys.ts';
import { mergePatch } from './merge-patch.ts';
import { createDocumentKind } from './mirrored.ts';
import { watchDocuments } from './watching.ts';
import { createWriting, type WritingNeeds } from './writing.ts';

export type DocumentNeeds = WritingNeeds;

export interface DocumentService {
  readonly documents: Documents;
  readonly kind: FederatedKind;
}

export function createDocuments(needs: DocumentNeeds): DocumentService {
  const writing = createWriting(needs);
  const { kind, onPurge } = createDocumentKind(needs.codec);
  const documents: Documents = {
    async put({ document, value, ifVersion, ...made }) {
      const id = ownDocument(needs, document);
      const given = readJson('the value', value);
      requireNewWords(needs, id, made);
      return withoutValue(await writing.write(id, { ifVersion, made, change: () => given }));
    },
    get: async ({ document }) => requireDocument(needs, document),
    list: (asked) => listPage(needs, asked),
    async patch({ document, patch, ifVersion }) {
      const id = ownDocument(needs, document);
      const given = readJson('the patch', patch);
      return writing.write(id, {
        ifVersion,
        made: undefined,
        // What a patch leaves behind may nest deeper than either.
        change: (before = null) => readJson('the patched value', mergePatch(before, given)),
      });
    },
    async delete({ document, ifVersion }) {
      return withoutValue(await writing.remove(ownDocument(needs, document), ifVersion));
    },
    watch: (asked, call) =>
      watchDocuments({ ...needs, onPurge }, { ...asked, signal: call?.signal }),
  };
  return { documents, kind };
}

async function requireDocument(needs: FindingNeeds, spelled: string): Promise<ShownDocument> {
  const found = await findDocument(needs, resolveDocument(needs, spelled));
  if (found === undefined) {
    throw notFound(spelled);
  }
  return found;
}

/** Description and labels are the resource's own, which are given when it is made. */
function requireNewWords(
  { resources }: FindingNeeds,
  id: Parameters<FindingNeeds['resources']['find']>[0],
  { description, labels }: { readonly description?: unknown; readonly labels?: unknown },
): void {
  if (resources.find(id) !== undefined && (description !== undefined || labels !== undefined)) {
    throw new HansaError(
      'INPUT_INVALID',
      'description and labels are given when a document is made, and stay',
    );
  }
}

async function listPage(
  needs: FindingNeeds,
  asked: {
    readonly type?: string | undefined;
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
  },
): Promise<{ documents: readonly Document[]; cursor?: FederatedId }> {
  const { type, limit = pageDocumentsDefault, cursor } = asked;
  const documents: Document[] = [];
  for (const resource of allDocuments(needs)) {
    const found =
      cursor !== undefined && resource <= cursor ? undefined : await findDocument(needs, resource);
    if (found === undefined || (type !== undefined && found.type !== type)) {
      continue;
    }
    const last = documents.at(-1);
    if (last !== undefined && documents.length >= limit) {
      return { documents, cursor: last.resource };
    }
    documents.push(withoutValue(found));
  }
  return { documents };
}
