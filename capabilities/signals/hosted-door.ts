// Who is let into the router of a cluster: whoever the node itself let in a moment ago, whoever
// comes with a token or a session that the API would take, and holders of the cluster's own `cap_`
// and `cpsk_` tokens.
import {
  HansaError,
  toHex,
  type Caller,
  type ErrorCode,
  type Log,
  type Random,
} from '@hansa/foundation';
import { callerAccess, type CallerAccessNeeds } from './caller-access.ts';
import { signalErrors } from './frames/messages.ts';
import type { AdmissionRefusal, Admitting, Doorkeeper, SignalAccess } from './router/access.ts';

/** The gate of the node's API, as the router asks it. */
export interface CallerJudge {
  /** Throws what is wrong with the token; counts guesses by where they come from. */
  authenticate(given: { readonly token: string; readonly source: string }): Promise<Caller>;
  /** Ends what the caller goes on by before it runs out. */
  lapse(caller: Caller): SignalAccess['lapse'];
}

export interface HostedDoorNeeds extends Pick<CallerAccessNeeds, 'access' | 'cluster'> {
  readonly random: Random;
  readonly log: Log;
  /** Undefined until the API is open. */
  readonly judge: () => CallerJudge | undefined;
  /** Of tokens that are the router's own: undefined where it is none of them. */
  readonly own?: (token: string) => SignalAccess | AdmissionRefusal | undefined;
}

export interface HostedDoor extends Doorkeeper {
  /** A word that lets in once, by what was decided already. */
  pass(access: SignalAccess): string;
}

const passBytes = 24; // nobody guesses it in the moment in which it counts
const expiredCodes: ReadonlySet<ErrorCode> = new Set(['TOKEN_EXPIRED']);

export function createHostedDoor(needs: HostedDoorNeeds): HostedDoor {
  const { random, judge } = needs;
  const passes = new Map<string, SignalAccess>();
  return {
    pass(access) {
      const word = `pass_${toHex(random.bytes(passBytes))}`;
      passes.set(word, access);
      return word;
    },
    admit(asked) {
      const { token } = asked;
      const passed = passes.get(token ?? '');
      if (token === undefined) {
        return { code: signalErrors.authentication, message: 'Authentication required' };
      }
      if (passed !== undefined) {
        passes.delete(token);
        return passed;
      }
      const judging = judge();
      return (
        needs.own?.(token) ??
        (judging === undefined
          ? { code: signalErrors.internal, message: 'the cluster is starting' }
          : admitCaller(needs, judging, { ...asked, token }))
      );
    },
  };
}

async function admitCaller(
  { access, cluster, log }: HostedDoorNeeds,
  judge: CallerJudge,
  { token, remote }: Admitting & { readonly token: string },
): Promise<SignalAccess | AdmissionRefusal> {
  try {
    const caller = await judge.authenticate({ token, source: hostOf(remote) });
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
