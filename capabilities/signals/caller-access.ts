// What a caller of the cluster may do at its router: the permissions `signal.read`, `signal.write`
// and, for other routers, `namespaces.write`, decided for every address as for any resource, and
// remembered until something that decides changes.
import type { Caller, ClusterId } from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { SignalAccess, SignalVerb } from './router/access.ts';

/** Addresses whose decisions one session remembers; a decision takes tens of microseconds. */
export const decidedMax = 4_096;

export type Deciding = Pick<AccessControl, 'decide' | 'subscribe'>;

export interface CallerAccessNeeds {
  readonly access: Deciding;
  /** Whose addresses they are. */
  readonly cluster: ClusterId;
  readonly caller: Caller;
  /** Ends it before what the caller came with does. */
  readonly lapse?: SignalAccess['lapse'];
  readonly quiet?: boolean | undefined;
}

const permissions = {
  read: 'signal.read',
  watch: 'signal.read',
  write: 'signal.write',
  own: 'namespaces.write', // it says whose addresses are
} as const satisfies Record<SignalVerb, string>;

/** The owner of the cluster is asked nothing. */
export function callerAccess(needs: CallerAccessNeeds): SignalAccess {
  const { caller, lapse, quiet } = needs;
  const subject = subjectOf(caller);
  if (caller.kind === 'owner') {
    return { allows: () => true, subject, takesAll: true, lapse, quiet };
  }
  const { access, cluster } = needs;
  const decided = new Map<string, boolean>();
  const leave = access.subscribe(() => decided.clear());
  return {
    subject,
    quiet,
    judgesAll: true,
    lapse: {
      signal: lapse?.signal ?? new AbortController().signal,
      done() {
        leave();
        lapse?.done();
      },
    },
    expiresMs:
      caller.kind === 'principal' || caller.kind === 'token' ? caller.expiresMs : undefined,
    allows(verb, address) {
      const key = `${permissions[verb]} ${address}`;
      const known = decided.get(key);
      if (known !== undefined) {
        return known;
      }
      const target = addressTarget(cluster, address);
      const allowed =
        target !== undefined &&
        access.decide(caller, { permission: permissions[verb], target }).allowed;
      if (decided.size >= decidedMax) {
        decided.clear();
      }
      decided.set(key, allowed);
      return allowed;
    },
  };
}

/**
 * An address, or a pattern, as roles and policies know it: `signal/stage/light/1` of this cluster.
 * Undefined where no resource can be called so.
 */
export function addressTarget(cluster: ClusterId, address: string): string | undefined {
  const name = address.slice(1);
  // What we keep for another cluster's resource is called so: that one would be asked about.
  return name === '' || /^@[0-9a-f]{64}\//.test(name) ? undefined : `${cluster}:signal/${name}`;
}

function subjectOf(caller: Caller): string {
  switch (caller.kind) {
    case 'principal':
      return caller.principal;
    case 'token':
      return caller.principal ?? `token:${caller.chain[0] ?? ''}`;
    case 'cluster':
      return `cluster:${caller.cluster}`;
    default:
      return caller.kind;
  }
}
