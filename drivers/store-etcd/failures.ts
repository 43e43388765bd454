// What a failed call to etcd means. Only etcd itself can say that it refused something, and its
// words begin with its name; whatever else ends a call after it was sent leaves open whether the
// write happened.
import { HansaError } from '@hansa/foundation';
import { status, statusName } from './grpc-status.ts';

const tooLargeWord = 'Received message larger';

/** One attempt that failed. */
export class CallFailure extends Error {
  readonly code: number;
  readonly details: string;
  /** False where it is certain that no member has seen the request. */
  readonly wasSent: boolean;

  constructor(code: number, details: string, wasSent: boolean) {
    super(`${statusName(code)}: ${details}`);
    this.name = 'CallFailure';
    this.code = code;
    this.details = details;
    this.wasSent = wasSent;
  }

  /** The answer came, and was more than may be held at once. */
  get isTooLarge(): boolean {
    return this.code === status.RESOURCE_EXHAUSTED && this.details.startsWith(tooLargeWord);
  }
}

/**
 * `refused`: etcd said no, and nothing was done. `token`: the same for want of a valid token.
 * `untaken`: nothing was done, try again. `unknown`: it may have been done.
 */
export type Verdict = 'refused' | 'token' | 'untaken' | 'unknown';

const ownWord = 'etcdserver:';
const untakenWords: readonly string[] = [
  'etcdserver: no leader', // asked before anything is proposed
  'etcdserver: too many requests', // refused at the door
  'etcdserver: not capable',
  'etcdserver: rpc not supported for learner',
];
const tokenWords: readonly string[] = [
  'etcdserver: invalid auth token',
  'etcdserver: revision of auth store is old',
];
const refusingCodes: readonly number[] = [
  status.INVALID_ARGUMENT,
  status.NOT_FOUND,
  status.ALREADY_EXISTS,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  status.FAILED_PRECONDITION,
  status.OUT_OF_RANGE,
  status.UNAUTHENTICATED,
];

export function verdictOn({ code, details, wasSent }: CallFailure): Verdict {
  if (!wasSent || untakenWords.includes(details)) {
    return 'untaken';
  }
  if (tokenWords.includes(details)) {
    return 'token';
  }
  const isOwn = details.startsWith(ownWord);
  return isOwn && refusingCodes.includes(code) ? 'refused' : 'unknown';
}

/** etcd's word for it, in words of the register. */
export function refusalOf(failure: CallFailure): HansaError {
  const { code, details } = failure;
  const as = (name: HansaError['code'], message: string): HansaError =>
    new HansaError(name, message, { cause: failure });
  if (details.includes('space exceeded')) {
    return as('STORE_FULL', 'etcd is over its quota: it takes no writes');
  }
  switch (code) {
    case status.OUT_OF_RANGE:
      return details.includes('compacted')
        ? as('STORE_COMPACTED', 'the revision is no longer kept')
        : details.includes('future')
          ? as('STORE_FUTURE_REVISION', 'there is no such revision yet')
          : as('STORE_LIMIT', `etcd refused it: ${details}`);
    case status.NOT_FOUND:
      return as('STORE_LEASE_NOT_FOUND', 'the lease expired or never was');
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return as('STORE_REFUSED', `etcd refuses the node: ${details}`);
    default:
      // A name or password that is wrong has the code of a malformed request.
      return details.includes('authentication') || details.includes('user name')
        ? as('STORE_REFUSED', `etcd refuses the node: ${details}`)
        : as('STORE_LIMIT', `etcd refused it: ${details}`);
  }
}

export function unavailable(cause: unknown): HansaError {
  const details = cause instanceof CallFailure ? cause.details : '';
  // The library for gRPC ends some of its sentences with a heading and nothing below it.
  const told = details.replace(/\s*Resolution note:\s*$/, '');
  return new HansaError('STORE_UNAVAILABLE', `etcd did not take it${told && `: ${told}`}`, {
    cause,
    fix: 'see that a majority of the members of etcd runs and can be reached from here',
  });
}

export function unknownOutcome(cause: unknown): HansaError {
  return new HansaError('STORE_UNKNOWN_OUTCOME', 'etcd did not say whether it was written', {
    cause,
  });
}

/** What a call or a stream ended with. */
export function failureOf(error: unknown): CallFailure | HansaError {
  if (error instanceof HansaError || error instanceof CallFailure) {
    return error;
  }
  const { code, details } = (error ?? {}) as { readonly code?: number; readonly details?: string };
  return new CallFailure(code ?? status.UNKNOWN, details ?? String(error), true);
}
