// What of a request is kept by itself, and what is only counted: and how a caller is named.
import {
  errorCodes,
  type AuditEntry,
  type Beginning,
  type Caller,
  type ErrorCode,
} from '@hansa/foundation';

// Their changes are in logs that are signed already, and come by the thousand.
const dataContracts: ReadonlySet<string> = new Set([
  'barrier',
  'counter',
  'document',
  'election',
  'forge',
  'greeting',
  'kinds',
  'kv',
  'limiter',
  'lock',
  'queue',
  'registry',
  'semaphore',
  'sequence',
  'signal',
  'stream',
]);
/** Acts of other contracts that come as often as data does. */
const dataActs: ReadonlySet<string> = new Set(['apps.call']);
/** What peers may do that changes what this cluster is to them. */
const peerActs: ReadonlySet<string> = new Set([
  'identity-peer.rotated',
  'lane-peer.offer',
  'link-peer.redeem',
  'receipts-peer.restore',
  'receipts-peer.withdraw',
  'trust-peer.request',
]);
// Room is made, a rewound audit is healed and the node is stopped also while nothing can be kept.
const alwaysAllowed: ReadonlySet<string> = new Set([
  'audit.write',
  'daemon.write',
  'recovery.write',
]);
/** Acts about oneself that others have to be able to find: tokens outlive whoever made them. */
const ownActs: ReadonlySet<string> = new Set(['tokens.issueOwn', 'tokens.revokeOwn']);
const loginContract = 'logins';
// Which ways there are, and one's own sessions: looked at by every page that a browser shows.
const loginReads: ReadonlySet<string> = new Set([
  'logins.ownSessions',
  'logins.session',
  'logins.ways',
]);
const refusedStatuses: ReadonlySet<number> = new Set([401, 403, 429]);

/** `refused` and `kept` have a record each; `passed` has none. */
export type Class = 'refused' | 'kept' | 'counted' | 'passed';

export function classOf(entry: AuditEntry): Class {
  const { contract, permission, outcome } = entry;
  const act = `${contract}.${entry.method}`;
  if (isRefusal(outcome)) {
    return 'refused';
  }
  if (contract === loginContract && permission?.endsWith('.read') !== true) {
    return loginReads.has(act) ? 'passed' : 'kept';
  }
  if (permission === 'peer') {
    return peerActs.has(act) ? 'kept' : 'passed';
  }
  if (permission === 'open') {
    return 'passed'; // health and the like: asked for by whoever looks after the machine
  }
  return ownActs.has(act) || (isAdministrative(permission) && !dataActs.has(act))
    ? 'kept'
    : 'counted';
}

export function isRefusal(outcome: string): boolean {
  const known = outcome in errorCodes ? errorCodes[outcome as ErrorCode] : undefined;
  return known !== undefined && refusedStatuses.has(known.status);
}

function isAdministrative(permission: string | undefined): boolean {
  const [contract = '', action] = permission?.split('.') ?? [];
  return action === 'write' && !dataContracts.has(contract);
}

/** Whether it may not be done where it cannot be kept. */
export function mustBeKept({ contract, method, permission = '' }: Beginning): boolean {
  const act = `${contract}.${method}`;
  return (
    ownActs.has(act) ||
    (isAdministrative(permission) && !dataActs.has(act) && !alwaysAllowed.has(permission))
  );
}

/** Who it was, and what they came with; never the thing itself. */
export function namesOf(caller: Caller): { readonly principal: string; readonly via: string } {
  switch (caller.kind) {
    case 'cluster':
      return { principal: `cluster:${caller.cluster}`, via: '' };
    case 'principal':
      return { principal: caller.principal, via: caller.proof };
    case 'token': {
      const token = `token:${caller.chain[0] ?? ''}`;
      return { principal: caller.principal ?? token, via: token };
    }
    default:
      return { principal: caller.kind, via: '' };
  }
}
