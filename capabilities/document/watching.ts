// Watching documents: each as it is, then each newer state. A document is one value: who reads
// slowly is told the newest, and misses none of the last.
import { changedKeys, federatedId, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { DocumentEvent } from './contract.ts';
import {
  allDocuments,
  findDocument,
  isDocument,
  notFound,
  resolveDocument,
  type FindingNeeds,
} from './finding.ts';
import type { DocumentKind } from './mirrored.ts';

export interface WatchingNeeds extends FindingNeeds {
  readonly onPurge: DocumentKind['onPurge'];
}

export async function* watchDocuments(
  needs: WatchingNeeds,
  asked: {
    readonly document?: string | undefined;
    readonly type?: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): AsyncIterable<DocumentEvent> {
  const { document, type, signal } = asked;
  const only = document === undefined ? undefined : requireOne(needs, document);
  const changed = changedKeys<FederatedId>((tell) => subscribe(needs, only, tell), signal);
  const told = new Map<FederatedId, string>();
  try {
    for (const resource of only === undefined ? allDocuments(needs) : [only]) {
      yield* news(needs, told, { resource, type });
    }
    for await (const resource of changed) {
      yield* news(needs, told, { resource, type });
    }
  } finally {
    await changed.return?.();
  }
}

/** A mirror of which nothing has arrived is waited for; an own document is there or is not. */
function requireOne(needs: WatchingNeeds, spelled: string): FederatedId {
  const resource = resolveDocument(needs, spelled);
  const { owner, local } = splitFederatedId(resource);
  if (owner === needs.signer.cluster && needs.resources.find(local) === undefined) {
    throw notFound(spelled);
  }
  return resource;
}

function subscribe(
  { resources, signer, mirrors, onPurge }: WatchingNeeds,
  only: FederatedId | undefined,
  tell: (resource: FederatedId) => void,
): () => void {
  const forward = (resource: FederatedId): void => {
    if (only === undefined ? isDocument(resource) : resource === only) {
      tell(resource);
    }
  };
  const stops = [
    resources.subscribe((id) => forward(federatedId(signer.cluster, id))),
    mirrors.subscribe(forward),
    onPurge(forward),
  ];
  return () => stops.forEach((stop) => stop());
}

async function* news(
  needs: FindingNeeds,
  told: Map<FederatedId, string>,
  { resource, type }: { readonly resource: FederatedId; readonly type: string | undefined },
): AsyncIterable<DocumentEvent> {
  const document = await findDocument(needs, resource);
  if (document === undefined) {
    if (told.delete(resource)) {
      yield { type: 'delete', resource };
    }
    return;
  }
  const state = `${document.epoch} ${document.version}`;
  if (told.get(resource) !== state && (type === undefined || document.type === type)) {
    told.set(resource, state);
    yield { type: 'put', document };
  }
}
