// The router of a cluster, as its node hosts it: one in every process. Params are kept in the
// cluster's own store, rights are the cluster's own, and whoever has lines, a listener or a link to
// another cluster, gives them to it.
import {
  capability,
  HansaError,
  type Capability,
  type Caller,
  type ClusterId,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import { callerAccess } from './caller-access.ts';
import { openSignalClient } from './client/client.ts';
import { dialInProcess } from './client/in-process.ts';
import type { SignalClient } from './contract.ts';
import type { FederationConfig } from './federation/config.ts';
import type { FederationManager } from './federation/manager.ts';
import type { AcceptLine } from './frames/line.ts';
import { createHostedDoor, type CallerJudge } from './hosted-door.ts';
import { createSignals, type Signals, type SignalsNeeds } from './signals.ts';

export type { CallerJudge } from './hosted-door.ts';

export interface HostingNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly codec: Codec;
  readonly crypto: Crypto;
  /** A part of the cluster's store that nobody else writes. */
  readonly store: KeyValueStore;
  readonly cluster: ClusterId;
  /** What the cluster calls itself. */
  readonly name: string;
  readonly access: Pick<AccessControl, 'decide' | 'subscribe' | 'requireGrantable'>;
  /** What is not said is as a cluster's router has it: a hub that owns what nobody else does. */
  readonly federation?: Partial<FederationConfig> | undefined;
  readonly options?: SignalsNeeds['options'];
  readonly journal?: SignalsNeeds['journal'];
}

export interface HostedSignals {
  readonly capability: Capability;
  /** What a listener gives its lines to; from the start on. */
  readonly accept: AcceptLine;
  /** SHUTTING_DOWN before the start and after the end. */
  running(): Signals & { readonly federation: FederationManager };
  /** From now on lines are let in that come with a token which the API would take. */
  admitBy(judge: CallerJudge): void;
  /** A session of the caller's, by which the node itself asks for it; to be closed. */
  visit(caller: Caller, signal?: AbortSignal): Promise<SignalClient>;
}

export function hostSignals(needs: HostingNeeds): HostedSignals {
  const { clock, random, log, cluster, name, access } = needs;
  let judge: CallerJudge | undefined;
  let running: Signals | undefined;
  const door = createHostedDoor({ random, log, access, cluster, judge: () => judge });
  const requireRunning = (): Signals & { readonly federation: FederationManager } => {
    const { federation } = running ?? {};
    if (running === undefined || federation === undefined) {
      throw new HansaError('SHUTTING_DOWN', 'the router of signals does not run');
    }
    return { ...running, federation };
  };
  const accept: AcceptLine = (line) => requireRunning().accept(line);
  return {
    accept,
    running: requireRunning,
    admitBy(made) {
      judge = made;
    },
    visit(caller, signal) {
      const token = door.pass(callerAccess({ access, cluster, caller, quiet: true }));
      return openSignalClient({ clock, url: name, token, signal, dial: dialInProcess(accept) });
    },
    capability: capability({
      name: 'signals',
      async start() {
        running = await createSignals({
          ...needs,
          options: { name, ...needs.options },
          doorkeeper: door,
          kept: needs,
          federation: { config: { routerId: cluster, ...needs.federation } },
        });
      },
      async stop() {
        const ending = running;
        running = undefined;
        await ending?.stop();
      },
    }),
  };
}
