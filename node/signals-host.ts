// The one router of signals of a node's process: made here with the cluster's own store and rights,
// and given its listener. Links and the other nodes of the cluster plug into what this gives.
import {
  guardWhileHeld,
  hostSignals,
  type CallerJudge,
  type HostedSignals,
} from '@hansa/capabilities/signals/capability';
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { CertificateTrust } from '@hansa/capabilities/certificates/contract';
import { scopeStore, type Gate } from '@hansa/foundation';
import { takeWebSockets } from '@hansa/signal-sockets';
import type { CompositionNeeds } from './composition-needs.ts';
import type { Opening } from './opening.ts';
import type { SignalWay } from './ways.ts';

/** The part of the cluster's store that holds params, rules and tokens of the router. */
export const signalsScope = 'signals';

export function signalsHost(
  needs: CompositionNeeds,
  { access }: { readonly access: AccessControl },
): HostedSignals {
  const { cluster, name } = needs.identity.signer;
  return hostSignals({
    ...needs,
    store: scopeStore(needs.store, signalsScope),
    cluster,
    name,
    access,
    url: () => needs.sessions?.url,
    options: { messagesPerSecondMax: needs.sessions?.messagesPerSecondMax },
  });
}

/** How the API's gate lets sessions in. */
export function judgeOf(gate: Gate, lapse: CallerJudge['lapse']): CallerJudge {
  return {
    admit: (source) => gate.admit({ source }),
    authenticate: (credential) => gate.authenticate(credential),
    lapse,
  };
}

interface SignalsTaking {
  readonly signals: HostedSignals;
  readonly trust: CertificateTrust | undefined;
  /** Throws where this node may not answer any more. */
  readonly requireHeld?: (() => void) | undefined;
}

/** Sessions that come in at the front, where it listens for some. */
export async function takeSignals(
  { config, log, undo }: Opening,
  { signals, trust, requireHeld }: SignalsTaking,
): Promise<SignalWay | undefined> {
  if (requireHeld !== undefined) {
    const unguard = guardWhileHeld(signals.running().router, requireHeld);
    undo.push(async () => unguard());
  }
  if (config.signals === undefined) {
    return undefined;
  }
  const shownBy = config.signals.tls ? trust : undefined;
  const tls = shownBy && (await identityOf(shownBy));
  const { origins } = config.signals;
  const taker = takeWebSockets({ accept: signals.accept, log, tls, origins });
  undo.push(() => taker.close());
  const renew = async (from: CertificateTrust): Promise<void> => {
    taker.show(await identityOf(from));
  };
  const stop = shownBy?.subscribe(() => {
    renew(shownBy).catch((error: unknown) => log.problem('certificate.not-shown', error));
  });
  undo.push(async () => stop?.());
  return taker;
}

/** The node's own certificate: clients of signals are asked for tokens, not for theirs. */
async function identityOf(
  trust: CertificateTrust,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const { certificate, privateKey: key } = await trust.listener();
  return { certificate, key };
}
