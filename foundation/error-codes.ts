// The register of error codes: stable, documented, never reused. `status` is the HTTP status,
// `exit` the command line's exit code: 2 usage, 3 not found, 4 refused, 5 conflict, 6 unavailable,
// 7 damaged, 1 other.
import { accessErrorCodes } from './error-codes-access.ts';
import { coordinationErrorCodes } from './error-codes-coordination.ts';
import { safekeepingErrorCodes } from './error-codes-safekeeping.ts';
import { signalErrorCodes } from './error-codes-signals.ts';
import { storeErrorCodes } from './error-codes-store.ts';

export interface ErrorCodeEntry {
  readonly status: number;
  readonly exit: number;
  readonly meaning: string;
  readonly fix?: string;
}

const otherErrorCodes = {
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
  KEY_UNKNOWN: {
    status: 409,
    exit: 6,
    meaning: 'the cluster has rotated to a key that is not known here yet',
    fix: 'nothing: it is learned when the cluster connects',
  },
  KEY_RETIRED: {
    status: 403,
    exit: 4,
    meaning: 'the cluster had rotated this key away before it signed',
    fix: 'on the cluster itself: restore the key files of its newest rotation, then restart',
  },
  KEY_FORKED: {
    status: 409,
    exit: 7,
    meaning: 'two records of one cluster claim the same step of its keys',
    fix: 'hansa link show has both; ask its people, then: hansa identity forget',
  },
  IDENTITY_TWICE: {
    status: 409,
    exit: 7,
    meaning: 'the same identity is running twice',
    fix: 'stop the copy of the data folder; then: hansa recover list',
  },
  ROTATION_UNPREPARED: {
    status: 409,
    exit: 5,
    meaning: 'there is no key to promise, or no room for another rotation',
  },
  FEDERATION_OFF: { status: 503, exit: 6, meaning: 'federation is stopped on this cluster' },
  CERTIFICATE_INVALID: { status: 403, exit: 4, meaning: 'the node certificate does not verify' },
  CERTIFICATE_EXPIRED: { status: 403, exit: 4, meaning: 'a certificate is out of its time' },
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
  PLANE_OFF: { status: 503, exit: 6, meaning: 'the node keeps all traffic on the link itself' },
  LINKS_FULL: { status: 409, exit: 5, meaning: 'the cluster has as many links as it may' },
  // apps
  APP_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such app here', fix: 'hansa app list' },
  APP_UNREACHABLE: { status: 502, exit: 6, meaning: 'the app is here and does not answer' },
  APPS_FULL: { status: 409, exit: 5, meaning: 'the cluster has as many apps as it may' },
  CAPABILITY_UNAVAILABLE: { status: 404, exit: 3, meaning: 'the app is not here' },
  PROXY_REFUSED: { status: 403, exit: 4, meaning: 'the call may not be passed on' },
  // discovery
  ANNOUNCEMENT_INVALID: { status: 502, exit: 7, meaning: 'an announcement does not verify' },
  ANNOUNCEMENT_STALE: { status: 409, exit: 5, meaning: 'an announcement’s time is over' },
  CLUSTER_UNKNOWN: {
    status: 404,
    exit: 3,
    meaning: 'no way of finding clusters knows this one',
    fix: 'hansa discovery status shows which ways are on',
  },
  DISCOVERY_OFF: { status: 503, exit: 6, meaning: 'this way of finding clusters is off here' },
  // resources, policy, sync
  RESOURCE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such resource' },
  RESOURCE_EXISTS: {
    status: 409,
    exit: 5,
    meaning: 'the name is taken',
    fix: 'choose another name; hansa catalog list shows those that are taken',
  },
  RESOURCE_READ_ONLY: { status: 403, exit: 4, meaning: 'a mirror cannot be written' },
  KIND_UNKNOWN: { status: 400, exit: 2, meaning: 'no capability serves this kind' },
  KIND_RESERVED: { status: 409, exit: 4, meaning: 'the kind’s name is one of Hansa’s own' },
  KIND_IN_USE: { status: 409, exit: 5, meaning: 'there are resources or mirrors of this kind' },
  KIND_UNAVAILABLE: {
    status: 503,
    exit: 6,
    meaning: 'no program serves the kind now',
    fix: 'start the program that serves it; what waits goes on by itself',
  },
  KIND_PROVIDED: { status: 409, exit: 5, meaning: 'another program serves the kind' },
  WORK_OVER: { status: 410, exit: 5, meaning: 'the work is no longer waited for' },
  CONSUMER_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such consumer of the stream',
    fix: 'hansa stream info <stream>',
  },
  CURSOR_GONE: {
    status: 410,
    exit: 5,
    meaning: 'the state that a page began with is not kept any more',
    fix: 'read from the first page again',
  },
  ENTRY_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such key', fix: 'hansa kv list <space>' },
  KEY_DIRECTORY_EXISTS: {
    status: 409,
    exit: 5,
    meaning: 'there is a directory of keys under that path',
    fix: 'hansa kv directory list <space>',
  },
  KEY_DIRECTORY_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such directory of keys',
    fix: 'hansa kv directory list <space>',
  },
  LEASE_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such lease, or it has ended',
    fix: 'hansa kv lease grant <space>',
  },
  REVISION_GONE: {
    status: 410,
    exit: 5,
    meaning: 'the changes after that revision are not kept',
    fix: 'list again, and watch from the revision that the list names',
  },
  RULE_NOT_FOUND: { status: 404, exit: 3, meaning: 'no such rule', fix: 'hansa share list' },
  POLICY_DENIED: { status: 403, exit: 4, meaning: 'the owner’s policy does not allow it' },
  BUDGET_EXHAUSTED: {
    status: 429,
    exit: 6,
    meaning: 'a budget of the owner’s policy is used up for now',
  },
  CLUSTER_BLOCKED: {
    status: 403,
    exit: 4,
    meaning: 'the cluster is blocked, and gets nothing',
    fix: 'hansa trust list; to lift it: hansa trust unblock <peer>',
  },
  TRUST_FULL: {
    status: 409,
    exit: 5,
    meaning: 'as many clusters as may be are trusted or blocked',
  },
  TRUST_REQUEST_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no such request for trust is waiting',
    fix: 'hansa trust requests',
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
  MIRROR_FROZEN: {
    status: 410,
    exit: 4,
    meaning: 'the owner does not share it any more: the copy is deleted at the time shown',
    fix: 'hansa mirror retain <mirror> --reason <why> keeps it; the owner is told why',
  },
  MIRROR_NOT_FROZEN: {
    status: 409,
    exit: 5,
    meaning: 'the owner has not withdrawn it: nothing is about to be deleted',
  },
  RECEIPT_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'nothing was withdrawn from that peer under that name',
    fix: 'hansa receipt list',
  },
  RECEIPT_INVALID: {
    status: 502,
    exit: 7,
    meaning: 'a receipt is not what was asked for, or not signed by the mirror',
  },
  PEER_QUARANTINED: {
    status: 409,
    exit: 6,
    meaning: 'bad content came from the peer: nothing is pulled from it for an hour',
    fix: 'hansa quarantine show <peer> has the evidence; hansa quarantine lift <peer> ends it',
  },
  SELF_SUSPECTED: {
    status: 409,
    exit: 7,
    meaning: 'sources that do not know each other failed alike: our own disk or memory is in doubt',
    fix: 'check this machine’s disk and memory, then: hansa quarantine lift <mirror>',
  },
  QUARANTINE_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'nothing is held against that peer or mirror',
    fix: 'hansa quarantine list',
  },
  HEAD_INVALID: { status: 502, exit: 7, meaning: 'a head’s signature does not verify' },
  HEAD_FORKED: { status: 409, exit: 7, meaning: 'the owner signed two histories' },
  HEAD_REWOUND: { status: 409, exit: 7, meaning: 'the owner is behind its own past' },
  HISTORY_COMPACTED: {
    status: 410,
    exit: 5,
    meaning: 'changes that far back are not kept: what they came to is, as entries',
  },
  SNAPSHOT_GONE: { status: 410, exit: 5, meaning: 'that position is not readable any more' },
  RESOURCE_REWOUND: {
    status: 409,
    exit: 7,
    meaning: 'the owner is behind its own past: what its peers hold is signed by itself',
    fix: 'on the owner: hansa recover list, then adopt what a peer holds, or begin a new epoch',
  },
  RECOVERY_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'nothing is to be recovered there',
    fix: 'hansa recover list',
  },
  CHANGE_INVALID: { status: 502, exit: 7, meaning: 'a change does not verify' },
  CHANGE_NOT_FOUND: {
    status: 404,
    exit: 3,
    meaning: 'no change that is kept has this id',
    fix: 'hansa trace <resource> shows the latest one',
  },
  CHANGE_GAP: { status: 502, exit: 7, meaning: 'changes are missing between two positions' },
  CHANGE_TOO_LARGE: { status: 413, exit: 2, meaning: 'a change is over its limit' },
  DIGEST_MISMATCH: { status: 502, exit: 7, meaning: 'the recomputed digest is not the head’s' },
  // forge
  REF_UNSIGNED: {
    status: 403,
    exit: 4,
    meaning: 'a protected ref moves only when enough of its delegates have signed',
  },
  SIGNATURE_INVALID: { status: 400, exit: 4, meaning: 'the signature does not verify' },
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
  CONFIG_INVALID: {
    status: 400,
    exit: 2,
    meaning: 'the configuration does not fit its schema',
    fix: 'hansa up --help lists the settings; hansa status --config tells where each is from',
  },
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

export const errorCodes: typeof otherErrorCodes &
  typeof accessErrorCodes &
  typeof safekeepingErrorCodes &
  typeof storeErrorCodes &
  typeof coordinationErrorCodes &
  typeof signalErrorCodes = {
  ...otherErrorCodes,
  ...accessErrorCodes,
  ...safekeepingErrorCodes,
  ...storeErrorCodes,
  ...coordinationErrorCodes,
  ...signalErrorCodes,
};

export type ErrorCode = keyof typeof errorCodes;
