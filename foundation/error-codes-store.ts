// The register's part on the store inside a cluster, and of the nodes that share one.
export const storeErrorCodes = {
  // store
  STORE_COMPACTED: { status: 410, exit: 5, meaning: 'the revision is no longer kept' },
  STORE_FUTURE_REVISION: { status: 400, exit: 2, meaning: 'the revision does not exist yet' },
  STORE_LEASE_NOT_FOUND: { status: 404, exit: 3, meaning: 'the lease is gone' },
  STORE_LIMIT: { status: 413, exit: 2, meaning: 'a key, value or transaction is over its limit' },
  STORE_UNAVAILABLE: { status: 503, exit: 6, meaning: 'the store did not take it; safe to retry' },
  STORE_UNKNOWN_OUTCOME: { status: 504, exit: 6, meaning: 'the write may have happened' },
  STORE_WATCH_OVERFLOW: { status: 503, exit: 6, meaning: 'the watcher was too slow; resume' },
  STORE_DAMAGED: { status: 500, exit: 7, meaning: 'a stored record does not fit its schema' },
  STORE_FORMAT: {
    status: 500,
    exit: 7,
    meaning: 'another version of Hansa wrote the data folder',
  },
  STORE_FULL: {
    status: 507,
    exit: 6,
    meaning: 'the store is over its quota and takes no more',
    fix: 'delete or raise the quota of etcd; then compact it, defragment it and disarm its alarm',
  },
  STORE_REFUSED: {
    status: 502,
    exit: 4,
    meaning: 'etcd does not accept this node’s name, password or certificate',
    fix: 'check what the node was given to enter etcd with, and the roles of that user',
  },
  DISK_FULL: { status: 507, exit: 6, meaning: 'the disk is full', fix: 'free space, then retry' },
  SEAL_KEY_MISSING: {
    status: 503,
    exit: 4,
    meaning: 'what lies in the data folder is sealed, and no key was given',
    fix: 'start with --seal-key-file <file>, HANSA_SEAL_KEY or --seal-age-identity <file>',
  },
  SEAL_KEY_WRONG: {
    status: 503,
    exit: 4,
    meaning: 'the key is not the one that the data folder was sealed with',
    fix: 'give the key of the last hansa seal rewrap, or of the first sealed start',
  },
  SEAL_KEY_MALFORMED: {
    status: 400,
    exit: 2,
    meaning: 'a sealing key is not 32 bytes, or an identity file holds no age identity',
    fix: 'make one: openssl rand -hex 32 > seal.key && chmod 600 seal.key',
  },
  SEAL_OFF: {
    status: 409,
    exit: 5,
    meaning: 'nothing is sealed on this node',
    fix: 'restart it with --seal-key-file <file>, HANSA_SEAL_KEY or --seal-age-identity <file>',
  },
  FOLDER_LOCKED: {
    status: 409,
    exit: 5,
    meaning: 'another process holds the data folder',
    fix: 'stop it (hansa down), or choose another --data',
  },
  CONFLICT: { status: 409, exit: 5, meaning: 'somebody else changed it at the same time' },
  // nodes of one cluster
  NODE_DEPOSED: {
    status: 503,
    exit: 6,
    meaning: 'another node of the cluster has taken over; nothing was written',
    fix: 'repeat it: whichever node answers passes it on',
  },
  NODE_IN_USE: {
    status: 409,
    exit: 5,
    meaning: 'the node is at work',
    fix: 'hansa node drain <node>, or stop it',
  },
  NODE_NOT_FOUND: { status: 404, exit: 3, meaning: 'the cluster has no such node' },
  NODE_REMOVED: {
    status: 410,
    exit: 4,
    meaning: 'this node was taken out of its cluster',
    fix: 'join anew: hansa node invite there, then hansa up --join <ticket> in an empty folder',
  },
  NODE_UNAVAILABLE: {
    status: 503,
    exit: 6,
    meaning: 'no node of the cluster is active at the moment; nothing was done',
    fix: 'try again in some seconds; hansa node list says who is there',
  },
  NODE_TICKET_INVALID: {
    status: 401,
    exit: 4,
    meaning: 'the ticket to join is garbled, used or expired',
    fix: 'hansa node invite makes another',
  },
  NODES_UNSUPPORTED: {
    status: 409,
    exit: 5,
    meaning: 'this cluster’s store serves one node',
    fix: 'hansa store migrate --to etcd://… moves it to a store that serves several',
  },
} as const;
