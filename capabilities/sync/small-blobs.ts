// Blobs of one chunk, many in a request: their id is all that there is to check, so content and
// manifest are one answer.
import { HansaError, isHansaError, manifestId, remote, type BlobId } from '@hansa/foundation';
import type { BlobReference } from '../resources/contract.ts';
import { accuse, named, type FetchNeeds, type FetchOrder } from './blob-sources.ts';
import { blobPeerContract, contentsPerRequestMax, type SmallBlob } from './wire.ts';

const requestsAtOnce = 2; // one travels while the other is written to the disk
// each waits for the disk twice, and disks take several at a time
const writesAtOnce = 32;
const attemptsMax = 3; // in a row without anything; the mirror's own backoff comes after that

export async function fetchSmallBlobs(
  needs: FetchNeeds,
  order: FetchOrder,
  wanted: readonly BlobReference[],
): Promise<void> {
  const pages: BlobReference[][] = [];
  for (let at = 0; at < wanted.length; at += contentsPerRequestMax) {
    pages.push(wanted.slice(at, at + contentsPerRequestMax));
  }
  const worker = async (): Promise<void> => {
    for (let page = pages.shift(); page !== undefined; page = pages.shift()) {
      await fetchPage(needs, order, page);
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, worker));
}

async function fetchPage(
  needs: FetchNeeds,
  order: FetchOrder,
  page: readonly BlobReference[],
): Promise<void> {
  const left = new Map(page.map((reference) => [reference.id, reference]));
  for (let attempts = 0; left.size > 0; attempts += 1) {
    const before = left.size;
    try {
      await request(needs, order, left);
      break;
    } catch (error) {
      order.signal.throwIfAborted();
      attempts = left.size < before ? 0 : attempts;
      if (!isHansaError(error, 'CONNECTION_CLOSED') || attempts + 1 >= attemptsMax) {
        accuse(needs, order.owner, error);
        throw error;
      }
    }
  }
  const [missing] = left.keys();
  if (missing !== undefined) {
    const { owner, resource } = order;
    const sentence = `${owner.name} has not sent blob ${missing}, which ${resource} names`;
    throw new HansaError('BLOB_NOT_FOUND', sentence, { facts: { blob: missing } });
  }
}

async function request(
  needs: FetchNeeds,
  order: FetchOrder,
  left: Map<BlobId, BlobReference>,
): Promise<void> {
  const { owner, resource, signal } = order;
  const peer = remote(blobPeerContract, owner.carrier());
  const blobs = [...left.keys()];
  for await (const items of peer.contents({ resource, blobs }, { signal })) {
    for (let at = 0; at < items.length; at += writesAtOnce) {
      const group = items.slice(at, at + writesAtOnce);
      await Promise.all(group.map((item) => store(needs, order, { item, left })));
    }
  }
}

async function store(
  needs: FetchNeeds,
  order: FetchOrder,
  given: { readonly item: SmallBlob; readonly left: Map<BlobId, BlobReference> },
): Promise<void> {
  const { owner: source, resource, arrived } = order;
  const { blob, bytes } = given.item;
  const reference = given.left.get(blob);
  if (reference === undefined) {
    throw new HansaError('BLOB_CORRUPT', `${source.name} sent a blob that was not asked for`);
  }
  if (manifestId(needs.crypto, reference, [blob]) !== reference.manifest) {
    const sentence = `the change names blob ${blob} with a manifest that is not its own`;
    throw new HansaError('BLOB_CORRUPT', sentence, { facts: { blob, source: source.name } });
  }
  const receipt = await needs.blobs.receive(reference, [blob]);
  try {
    if (receipt.missing().length > 0) {
      await receipt.accept(0, bytes);
    }
    await receipt.commit();
    given.left.delete(blob);
    arrived(bytes.length);
  } catch (error) {
    throw named(error, { source, resource, blob });
  } finally {
    await receipt.close();
  }
}
