// Between the write of a blob and the record that names it, nothing else keeps it from collection.
import type { Blobs } from '@hansa/foundation';

export interface HoldingBlobs {
  /** The same blobs; what is put through these stays until the release. */
  readonly blobs: Blobs;
  release(): void;
}

export function holdWhatIsPut(blobs: Blobs): HoldingBlobs {
  const holds: { release(): void }[] = [];
  const put: Blobs['put'] = async (source, signal) => {
    const info = await blobs.put(source, signal);
    holds.push(blobs.protect(info.id));
    return info;
  };
  return {
    blobs: {
      put,
      info: (id) => blobs.info(id),
      read: (id, options) => blobs.read(id, options),
      chunks: (id) => blobs.chunks(id),
      receive: (info, chunks) => blobs.receive(info, chunks),
      delete: (id) => blobs.delete(id),
      setAside: (id) => blobs.setAside(id),
      list: () => blobs.list(),
      collect: (isLive) => blobs.collect(isLive),
      protect: (id) => blobs.protect(id),
    },
    release: () => holds.splice(0).forEach((hold) => hold.release()),
  };
}
