// The methods of etcd's services that are called here: path, and how both sides are written.
import type { Codec } from './message.ts';
import {
  compactionRequest,
  headedOnly,
  putRequest,
  rangeRequest,
  rangeResponse,
  txnRequest,
  txnResponse,
  type CompactionRequest,
  type HeadedOnly,
  type PutRequest,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from './messages-kv.ts';
import {
  leaseAnswer,
  leaseGrantRequest,
  leaseNamed,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
  type LeaseAnswer,
  type LeaseGrantRequest,
  type LeaseNamed,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from './messages-lease.ts';
import {
  alarmRequest,
  alarmResponse,
  authenticateRequest,
  authenticateResponse,
  nothing,
  statusResponse,
  type AlarmRequest,
  type AlarmResponse,
  type AuthenticateRequest,
  type AuthenticateResponse,
  type Nothing,
  type StatusResponse,
} from './messages-maintenance.ts';
import {
  watchRequest,
  watchResponse,
  type WatchRequest,
  type WatchResponse,
} from './messages-watch.ts';

export interface Method<Q, A> {
  readonly path: string;
  readonly request: Codec<Q>;
  readonly answer: Codec<A>;
}

export const rangeMethod: Method<RangeRequest, RangeResponse> = {
  path: '/etcdserverpb.KV/Range',
  request: rangeRequest,
  answer: rangeResponse,
};

export const putMethod: Method<PutRequest, HeadedOnly> = {
  path: '/etcdserverpb.KV/Put',
  request: putRequest,
  answer: headedOnly,
};

export const txnMethod: Method<TxnRequest, TxnResponse> = {
  path: '/etcdserverpb.KV/Txn',
  request: txnRequest,
  answer: txnResponse,
};

export const compactMethod: Method<CompactionRequest, HeadedOnly> = {
  path: '/etcdserverpb.KV/Compact',
  request: compactionRequest,
  answer: headedOnly,
};

/** A stream of both sides. */
export const watchMethod: Method<WatchRequest, WatchResponse> = {
  path: '/etcdserverpb.Watch/Watch',
  request: watchRequest,
  answer: watchResponse,
};

export const leaseGrantMethod: Method<LeaseGrantRequest, LeaseAnswer> = {
  path: '/etcdserverpb.Lease/LeaseGrant',
  request: leaseGrantRequest,
  answer: leaseAnswer,
};

/** A stream of both sides, of which one question and one answer are used. */
export const leaseKeepAliveMethod: Method<LeaseNamed, LeaseAnswer> = {
  path: '/etcdserverpb.Lease/LeaseKeepAlive',
  request: leaseNamed,
  answer: leaseAnswer,
};

export const leaseRevokeMethod: Method<LeaseNamed, HeadedOnly> = {
  path: '/etcdserverpb.Lease/LeaseRevoke',
  request: leaseNamed,
  answer: headedOnly,
};

export const leaseTimeToLiveMethod: Method<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> = {
  path: '/etcdserverpb.Lease/LeaseTimeToLive',
  request: leaseTimeToLiveRequest,
  answer: leaseTimeToLiveResponse,
};

export const statusMethod: Method<Nothing, StatusResponse> = {
  path: '/etcdserverpb.Maintenance/Status',
  request: nothing,
  answer: statusResponse,
};

export const alarmMethod: Method<AlarmRequest, AlarmResponse> = {
  path: '/etcdserverpb.Maintenance/Alarm',
  request: alarmRequest,
  answer: alarmResponse,
};

export const defragmentMethod: Method<Nothing, HeadedOnly> = {
  path: '/etcdserverpb.Maintenance/Defragment',
  request: nothing,
  answer: headedOnly,
};

export const authenticateMethod: Method<AuthenticateRequest, AuthenticateResponse> = {
  path: '/etcdserverpb.Auth/Authenticate',
  request: authenticateRequest,
  answer: authenticateResponse,
};
