// Who is let into the router of a cluster: whoever comes with a token or a session that the API
// would take, and holders of the router's own `cap_` and `cpsk_` tokens.
import { HansaError, type Caller, type ErrorCode, type Log } from '@hansa/foundation';
import { callerAccess, type CallerAccessNeeds } from './caller-access.ts';
import { signalErrors } from './frames/messages.ts';
import type { AdmissionRefusal, Doorkeeper, SignalAccess } from './router/access.ts';

/** The gate of the node's API, as the router asks it. */
export interface CallerJudge {
  /** RATE_LIMITED. */
  admit(source: string): void;
  /** Throws what is wrong with the token; counts guesses by where they come from. */
  authenticate(given: { readonly token: string; readonly source: string }): Promise<Caller>;
  /** Ends what the caller goes on by before it runs out. */
  lapse(caller: Caller): SignalAccess['lapse'];
}

export interface HostedDoorNeeds extends Pick<CallerAccessNeeds, 'access' | 'cluster'> {
  readonly log: Log;
  /** Undefined until the API is open. */
  readonly judge: () => CallerJudge | undefined;
  /** Of tokens that are the router's own: undefined where it is none of them. */
  readonly own: (token: string) => SignalAccess | AdmissionRefusal | undefined;
}

const expiredCodes: ReadonlySet<ErrorCode> = new Set(['TOKEN_EXPIRED']);

export function createHostedDoor(needs: HostedDoorNeeds): Doorkeeper {
  return {
    admit({ token, remote }) {
      if (token === undefined) {
        return { code: signalErrors.authentication, message: 'Authentication required' };
      }
      const judge = needs.judge();
      return judge === undefined
        ? { code: signalErrors.internal, message: 'the cluster is starting' }
        : admitBy(needs, judge, { token, remote });
    },
  };
}

async function admitBy(
  { access, cluster, log, own }: HostedDoorNeeds,
  judge: CallerJudge,
  { token, remote }: { readonly token: string; readonly remote: string },
): Promise<SignalAccess | AdmissionRefusal> {
  try {
    const source = hostOf(remote);
    judge.admit(source);
    const known = own(token);
    if (known !== undefined) {
      return known;
    }
    const caller = await judge.authenticate({ token, source });
    return caller.kind === 'anonymous'
      ? { code: signalErrors.authentication, message: 'Authentication required' }
      : callerAccess({ access, cluster, caller, lapse: judge.lapse(caller) });
  } catch (error) {
    if (!(error instanceof HansaError)) {
      throw error;
    }
    log.event('signal-admission.refused', { source: remote, reason: error.code });
    const code = expiredCodes.has(error.code) ? signalErrors.expired : signalErrors.authentication;
    return { code, message: `Authentication failed: ${error.message}` };
  }
}

/** Without the port: guesses are counted by where they come from. */
function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
}
