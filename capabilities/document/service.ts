// Documents as people and programs see them.
import { HansaError, laneTarget, type FederatedId, type LocalId } from '@hansa/foundation';
import type { LaneKind } from '../lanes/contract.ts';
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
  writableDocument,
  type FindingNeeds,
} from './finding.ts';
import { readJson } from './keys.ts';
import { createDocumentLanes } from './lanes.ts';
import { mergePatch } from './merge-patch.ts';
import { createDocumentKind } from './mirrored.ts';
import { watchDocuments } from './watching.ts';
import { createWriting, type WritingNeeds } from './writing.ts';

export type DocumentNeeds = WritingNeeds;

export interface DocumentService {
  readonly documents: Documents;
  readonly kind: FederatedKind;
  readonly laneKind: LaneKind;
}

export function createDocuments(needs: DocumentNeeds): DocumentService {
  const writing = createWriting(needs);
  const { kind, onPurge } = createDocumentKind(needs.codec);
  const documents: Documents = {
    async put({ document, value, ifVersion, ...made }, call) {
      const given = readJson('the value', value);
      const id = await writableDocument(needs, document, call?.signal);
      requireNewWords(needs, id, made);
      const written = await writing.write(id, { ifVersion, made, change: () => given });
      return withoutValue(await asNamed(needs, id, written));
    },
    get: async ({ document }) => requireDocument(needs, document),
    list: (asked) => listPage(needs, asked),
    async patch({ document, patch, ifVersion }, call) {
      const given = readJson('the patch', patch);
      const id = await writableDocument(needs, document, call?.signal);
      const written = await writing.write(id, {
        ifVersion,
        made: undefined,
        // What a patch leaves behind may nest deeper than either.
        change: (before = null) => readJson('the patched value', mergePatch(before, given)),
      });
      return asNamed(needs, id, written);
    },
    async delete({ document, ifVersion }) {
      return withoutValue(await writing.remove(ownDocument(needs, document), ifVersion));
    },
    watch: (asked, call) =>
      watchDocuments({ ...needs, onPurge }, { ...asked, signal: call?.signal }),
  };
  return { documents, kind, laneKind: createDocumentLanes(needs) };
}

/** Whoever writes through a lane named what the lane is for, and hears of that. */
async function asNamed(
  needs: FindingNeeds,
  id: LocalId,
  written: ShownDocument,
): Promise<ShownDocument> {
  const target = laneTarget(id);
  return target === undefined ? written : ((await findDocument(needs, target)) ?? written);
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
  words: {
    readonly description?: unknown;
    readonly labels?: unknown;
    readonly shared?: unknown;
  },
): void {
  const given = [words.description, words.labels, words.shared].some((one) => one !== undefined);
  if (resources.find(id) !== undefined && given) {
    throw new HansaError(
      'INPUT_INVALID',
      'description, labels and whether it is shared are said when a document is made, and stay',
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
