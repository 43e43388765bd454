// etcd's leases: the messages that are sent and read here, with the numbers of their fields.
import { flag, id64, int, manyBytes, message, one, type Codec } from './message.ts';
import { responseHeader, type Headed } from './messages-kv.ts';

export interface LeaseGrantRequest {
  readonly ttl: number;
  readonly id: string;
}

export const leaseGrantRequest: Codec<LeaseGrantRequest> = message({ ttl: int(1), id: id64(2) });

export interface LeaseAnswer extends Headed {
  readonly id: string;
  /** In seconds; not positive where there is no such lease. */
  readonly ttl: number;
}

/** Of a grant and of a sign of life. */
export const leaseAnswer: Codec<LeaseAnswer> = message({
  header: one(1, responseHeader),
  id: id64(2),
  ttl: int(3),
});

export interface LeaseNamed {
  readonly id: string;
}

/** Of a revocation and of a sign of life. */
export const leaseNamed: Codec<LeaseNamed> = message({ id: id64(1) });

export interface LeaseTimeToLiveRequest {
  readonly id: string;
  readonly keys: boolean;
}

export const leaseTimeToLiveRequest: Codec<LeaseTimeToLiveRequest> = message({
  id: id64(1),
  keys: flag(2),
});

export interface LeaseTimeToLiveResponse extends Headed {
  readonly ttl: number;
  readonly keys: readonly Uint8Array[];
}

export const leaseTimeToLiveResponse: Codec<LeaseTimeToLiveResponse> = message({
  header: one(1, responseHeader),
  ttl: int(3),
  keys: manyBytes(5),
});
