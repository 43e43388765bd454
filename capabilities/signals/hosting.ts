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
import { routerContract, signalContract, type SignalClient } from './contract.ts';
import type { FederationConfig } from './federation/config.ts';
import type { FederationManager } from './federation/manager.ts';
import type { AcceptLine } from './frames/line.ts';
import { createHostedDoor, type CallerJudge } from './hosted-door.ts';
import { hostedTables } from './keys.ts';
import { createLivingRules } from './living-rules.ts';
import { createOwnTokens } from './own-tokens.ts';
import { createRouterDesk, createSignalService } from './service.ts';
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
  /** Where sessions connect; undefined where they do not. */
  readonly url: () => string | undefined;
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
  const { clock, log, cluster, name, access } = needs;
  let judge: CallerJudge | undefined;
  let running: Signals | undefined;
  const tables = hostedTables(needs.store, needs.codec);
  const rules = createLivingRules({ ...needs, tables });
  const tokens = createOwnTokens({ ...needs, tables });
  const own = (token: string): ReturnType<typeof tokens.admit> => tokens.admit(token);
  const doorkeeper = createHostedDoor({ log, access, cluster, own, judge: () => judge });
  const requireRunning = (): Signals & { readonly federation: FederationManager } => {
    const { federation } = running ?? {};
    if (running === undefined || federation === undefined) {
      throw new HansaError('SHUTTING_DOWN', 'the router of signals does not run');
    }
    return { ...running, federation };
  };
  const visit: HostedSignals['visit'] = (caller, signal) => {
    const given = callerAccess({ access, cluster, caller, quiet: true });
    const dial = dialInProcess((line) => requireRunning().router.acceptAs(line, given));
    return openSignalClient({ clock, url: name, signal, dial });
  };
  const desk = createRouterDesk({ running: requireRunning, rules, tokens, url: needs.url });
  return {
    accept: (line) => requireRunning().accept(line),
    visit,
    running: requireRunning,
    admitBy(made) {
      judge = made;
    },
    capability: capability({
      name: 'signals',
      serves: [
        { contract: signalContract, service: createSignalService({ visit }) },
        { contract: routerContract, service: desk },
      ],
      async start() {
        await Promise.all([rules.load(), tokens.load()]);
        running = await createSignals({
          ...needs,
          options: { name, ...needs.options, ruleOf: rules.of },
          doorkeeper,
          kept: needs,
          rulesNow: rules.all,
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
