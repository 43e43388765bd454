// The register of error codes: stable, documented, never reused. `status` is the HTTP status,
// `exit` the command line's exit code: 2 usage, 3 not found, 4 refused, 5 conflict, 6 unavailable,
// 7 damaged, 1 other.

export interface ErrorCodeEntry {
  readonly status: number;
  readonly exit: number;
  readonly meaning: string;
  readonly fix?: string;
}

export const errorCodes = {
  // any road
  INTERNAL: { status: 500, exit: 1, meaning: 'a fault of ours', fix: 'see the node’s log' },
  INPUT_INVALID: { status: 400, exit: 2, meaning: 'the input does not fit the contract' },
  INPUT_TOO_LARGE: { status: 413, exit: 2, meaning: 'the input is over a named limit' },
  METHOD_UNKNOWN: { status: 404, exit: 2, meaning: 'the contract has no such method' },
  OUTPUT_INVALID: { status: 502, exit: 1, meaning: 'the far side answered outside its contract' },
  UNAUTHENTICATED: {
    status: 401,
    exit: 4,
    meaning: 'no valid token came with the request',
    fix: 'send the owner token from the data folder as "Authorization: Bearer …"',
  },
  FORBIDDEN: { status: 403, exit: 4, meaning: 'the caller lacks the permission' },
  RATE_LIMITED: { status: 429, exit: 6, meaning: 'too many requests', fix: 'retry later' },
  CANCELLED: { status: 499, exit: 130, meaning: 'the caller went away' },
  TIMED_OUT: { status: 504, exit: 6, meaning: 'no answer within the deadline' },
  REMOTE_FAILED: { status: 502, exit: 6, meaning: 'the far side failed' },
  NODE_UNREACHABLE: {
    status: 503,
    exit: 6,
    meaning: 'no node answers at the context’s address',
    fix: 'start it: hansa up',
  },
  SHUTTING_DOWN: { status: 503, exit: 6, meaning: 'the node is stopping', fix: 'retry later' },
  // time
  CLOCK_AHEAD: { status: 409, exit: 5, meaning: 'a timestamp is too far in the future' },
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
  DISK_FULL: { status: 507, exit: 6, meaning: 'the disk is full', fix: 'free space, then retry' },
  FOLDER_LOCKED: {
    status: 409,
    exit: 5,
    meaning: 'another process holds the data folder',
    fix: 'stop it (hansa down), or choose another --data',
  },
  CONFLICT: { status: 409, exit: 5, meaning: 'somebody else changed it at the same time' },
  // blobs
  BLOB_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such blob here' },
  BLOB_CORRUPT: { status: 500, exit: 7, meaning: 'the bytes do not hash to the blob’s id' },
  BLOB_INCOMPLETE: { status: 409, exit: 5, meaning: 'the transfer ended early; resume it' },
  // transport
  DIAL_FAILED: { status: 503, exit: 6, meaning: 'the peer could not be reached' },
  CONNECTION_CLOSED: { status: 503, exit: 6, meaning: 'the connection ended' },
  FRAME_TOO_LARGE: { status: 413, exit: 2, meaning: 'a frame is over the limit' },
  PROTOCOL_BREACH: { status: 502, exit: 6, meaning: 'the far side broke the wire protocol' },
  PROTOCOL_MISMATCH: { status: 502, exit: 6, meaning: 'no protocol version in common' },
  // identity
  KEY_MALFORMED: {
    status: 503,
    exit: 7,
    meaning: 'a key file is not 64 lower-case hex digits',
    fix: 'restore the key file from a backup, then restart; local service runs on without it',
  },
  KEY_MISMATCH: {
    status: 503,
    exit: 7,
    meaning: 'the key is not the one this cluster was made with',
    fix: 'restore the key file from a backup, then restart; local service runs on without it',
  },
  KEY_EXPOSED: {
    status: 503,
    exit: 7,
    meaning: 'others may read a key file',
    fix: 'chmod 600 the key file, then restart',
  },
  FEDERATION_OFF: { status: 503, exit: 6, meaning: 'federation is stopped on this cluster' },
  CERTIFICATE_INVALID: { status: 403, exit: 4, meaning: 'the node certificate does not verify' },
  CERTIFICATE_EXPIRED: { status: 403, exit: 4, meaning: 'the node certificate is out of its time' },
  IDENTITY_NOT_BOUND: {
    status: 403,
    exit: 4,
    meaning: 'the certificate names another node than the one that is connected',
  },
  // links
  LINK_TOKEN_MALFORMED: { status: 400, exit: 2, meaning: 'this is not a link token' },
  LINK_TOKEN_TAMPERED: { status: 400, exit: 4, meaning: 'the token was changed after signing' },
  LINK_TOKEN_EXPIRED: { status: 410, exit: 4, meaning: 'the token’s time is over' },
  LINK_TOKEN_USED: { status: 410, exit: 4, meaning: 'the token was used before' },
  LINK_TOKEN_REVOKED: { status: 410, exit: 4, meaning: 'the inviter withdrew the token' },
  LINK_TOKEN_UNKNOWN: { status: 404, exit: 4, meaning: 'the inviter does not know the token' },
  LINK_TOKEN_WRONG_CLUSTER: { status: 400, exit: 4, meaning: 'the token is another cluster’s' },
  LINK_TO_SELF: { status: 400, exit: 2, meaning: 'a cluster cannot link to itself' },
  LINK_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such link', fix: 'hansa link list' },
  LINK_EXISTS: { status: 409, exit: 5, meaning: 'the clusters are linked already' },
  LINK_NOT_PENDING: { status: 409, exit: 5, meaning: 'the link waits for no confirmation' },
  LINK_PENDING: {
    status: 409,
    exit: 5,
    meaning: 'the link waits for its check words to be confirmed',
    fix: 'compare the words, then: hansa link confirm',
  },
  LINK_WORDS_DIFFER: { status: 409, exit: 4, meaning: 'the check words are not the link’s' },
  LINK_DOWN: { status: 503, exit: 6, meaning: 'the link is not connected now' },
  LINK_CLOSED: { status: 403, exit: 4, meaning: 'the link was closed' },
  LINK_NOT_OURS: {
    status: 403,
    exit: 4,
    meaning: 'this cluster only serves that peer and holds no half-link of its own',
  },
  LINKS_FULL: { status: 409, exit: 5, meaning: 'the cluster has as many links as it may' },
  // capability tokens
  TOKEN_MALFORMED: { status: 400, exit: 2, meaning: 'this is not a capability token' },
  TOKEN_FORGED: { status: 401, exit: 4, meaning: 'nobody who counts here signed the token' },
  TOKEN_EXPIRED: { status: 401, exit: 4, meaning: 'the token’s or proof’s time is over' },
  TOKEN_NOT_YET: { status: 401, exit: 4, meaning: 'the token’s or proof’s time has not come' },
  TOKEN_REVOKED: { status: 401, exit: 4, meaning: 'the token or one it descends from was revoked' },
  TOKEN_WIDENED: { status: 403, exit: 4, meaning: 'the token says more than its parent allows' },
  TOKEN_TOO_DEEP: { status: 400, exit: 4, meaning: 'the token was delegated too often' },
  TOKEN_TOO_LARGE: { status: 413, exit: 2, meaning: 'the token is over its size' },
  TOKEN_WRONG_AUDIENCE: { status: 403, exit: 4, meaning: 'the token is bound to somebody else' },
  TOKEN_REPLAYED: { status: 401, exit: 4, meaning: 'the proof of possession was used before' },
  TOKEN_SCOPE: { status: 403, exit: 4, meaning: 'the token’s scopes do not cover it' },
  TOKEN_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such token', fix: 'hansa token list' },
  // resources, policy, sync
  RESOURCE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such resource' },
  RESOURCE_EXISTS: { status: 409, exit: 5, meaning: 'the name is taken' },
  RESOURCE_READ_ONLY: { status: 403, exit: 4, meaning: 'a mirror cannot be written' },
  KIND_UNKNOWN: { status: 400, exit: 2, meaning: 'no capability serves this kind' },
  RULE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such rule', fix: 'hansa share list' },
  POLICY_DENIED: { status: 403, exit: 4, meaning: 'the owner’s policy does not allow it' },
  LANES_NOT_SPOKEN: {
    status: 501,
    exit: 6,
    meaning: 'policy allows the push, but this version has no lane to put it into',
  },
  LANE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such lane', fix: 'hansa lane list' },
  LANES_FULL: { status: 409, exit: 5, meaning: 'the owner holds as many lanes as it may' },
  LANES_UNSUPPORTED: {
    status: 400,
    exit: 4,
    meaning: 'resources of this kind are written by their owner alone',
  },
  CONFLICT_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such open conflict',
    fix: 'hansa conflict list',
  },
  MIRROR_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such mirror', fix: 'hansa mirror list' },
  MIRROR_EXISTS: { status: 409, exit: 5, meaning: 'the resource is mirrored already' },
  HEAD_INVALID: { status: 502, exit: 7, meaning: 'a head’s signature does not verify' },
  HEAD_FORKED: { status: 409, exit: 7, meaning: 'the owner signed two histories' },
  HEAD_REWOUND: { status: 409, exit: 7, meaning: 'the owner is behind its own past' },
  CHANGE_INVALID: { status: 502, exit: 7, meaning: 'a change does not verify' },
  CHANGE_GAP: { status: 502, exit: 7, meaning: 'changes are missing between two positions' },
  CHANGE_TOO_LARGE: { status: 413, exit: 2, meaning: 'a change is over its limit' },
  DIGEST_MISMATCH: { status: 502, exit: 7, meaning: 'the recomputed digest is not the head’s' },
  // forge
  GIT_MISSING: {
    status: 503,
    exit: 6,
    meaning: 'the git program is not on the PATH',
    fix: 'install git (Debian: apt-get install git)',
  },
  GIT_FAILED: { status: 500, exit: 1, meaning: 'git refused or failed' },
  GIT_OBJECTS_INVALID: { status: 422, exit: 7, meaning: 'git’s strict checks refuse the objects' },
  GIT_CLOSURE_INCOMPLETE: { status: 422, exit: 7, meaning: 'objects that a ref needs are missing' },
  // command line and node
  CONTEXT_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such context',
    fix: 'hansa context list',
  },
  CONFIG_INVALID: { status: 400, exit: 2, meaning: 'the configuration does not fit its schema' },
  PORT_TAKEN: {
    status: 409,
    exit: 5,
    meaning: 'another program listens on the port',
    fix: 'choose another port, or stop the other program',
  },
  USAGE: { status: 400, exit: 2, meaning: 'the command line is not understood' },
  NOT_CONFIRMED: {
    status: 409,
    exit: 4,
    meaning: 'a consequential act was not confirmed',
    fix: 'confirm it, or repeat the command with --yes',
  },
} as const;

export type ErrorCode = keyof typeof errorCodes;
