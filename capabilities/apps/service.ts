// Apps as the cluster's own people register, look for and call them.
import {
  fromBase64Url,
  fromUtf8,
  HansaError,
  toBase64Url,
  utf8,
  type Call,
  type KeyValueStore,
  type Op,
  type WatchedTable,
} from '@hansa/foundation';
import { callElsewhere, callHere, requirePassable, type CallingNeeds } from './calling.ts';
import {
  appBodyBytesMax,
  appsMax,
  type App,
  type AppAnswer,
  type AppCall,
  type Apps,
  type Unheard,
} from './contract.ts';
import type { AppRecord, AppTables } from './keys.ts';
import type { PassedAnswer } from './wire.ts';

const attemptsMax = 128; // each lost one means that somebody else’s change was made

export interface AppsNeeds extends CallingNeeds {
  readonly store: KeyValueStore;
  readonly tables: AppTables;
  readonly registered: WatchedTable<AppRecord>;
  /** What this cluster calls itself. */
  readonly name: string;
}

export function createApps(needs: AppsNeeds): Apps {
  const { tables, registered, peers, neighbours, log } = needs;
  const own = (): readonly App[] =>
    [...registered.rows.values()]
      .map(({ value }) => ownApp(needs, value))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return {
    async register({ private: isPrivate = false, ...manifest }) {
      const record: AppRecord = {
        ...manifest,
        capabilities: [...new Set(manifest.capabilities)],
        private: isPrivate,
      };
      await change(needs, () => {
        if (registered.find(record.id) === undefined && registered.rows.size >= appsMax) {
          throw new HansaError('APPS_FULL', `there are ${appsMax} apps, as many as there may be`, {
            fix: 'hansa app remove <id>',
            facts: { appsMax },
          });
        }
        return tables.apps.put([record.id], record);
      });
      log.event('app.registered', { app: record.id, version: record.version });
      return ownApp(needs, record);
    },
    async remove({ id }) {
      await change(needs, () => {
        if (registered.find(id) === undefined) {
          throw new HansaError('APP_NOT_FOUND', `no app ${id} is registered here`);
        }
        return tables.apps.delete([id]);
      });
      log.event('app.removed', { app: id });
      return { id };
    },
    async list({ peer }) {
      if (peer !== undefined) {
        const { cluster } = peers.resolve(peer);
        const apps = neighbours.apps().filter(({ via }) => via === cluster);
        return { apps, unheard: unheard(needs, [cluster]) };
      }
      const linked = peers.all().map(({ cluster }) => cluster);
      return { apps: [...own(), ...neighbours.apps()], unheard: unheard(needs, linked) };
    },
    async find({ capability }) {
      const all = [...own(), ...neighbours.apps()];
      return { apps: all.filter(({ capabilities }) => capabilities.includes(capability)) };
    },
    call: (input, call) => callOne(needs, input, call),
  };
}

/** Decides on the newest list, and again where somebody else has changed it meanwhile. */
async function change({ store, tables, registered }: AppsNeeds, decide: () => Op): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const held = await tables.turn.get();
    await registered.reached(held?.modRevision ?? 0);
    const decided = decide();
    const turn = { turn: (held?.value.turn ?? 0) + 1 };
    const { succeeded, revision } = await store.transact({
      if: [
        { key: tables.turn.key(), target: 'modRevision', op: '=', operand: held?.modRevision ?? 0 },
      ],
      then: [decided, tables.turn.put([], turn)],
    });
    if (succeeded) {
      await registered.reached(revision);
      return;
    }
  }
  throw new HansaError('CONFLICT', 'too many change the apps at the same time', {
    fix: 'do it again',
  });
}

async function callOne(
  needs: AppsNeeds,
  input: AppCall,
  call: Call | undefined,
): Promise<AppAnswer> {
  const { id, method = 'GET', path, contentType } = input;
  const request = {
    method,
    path,
    body: bodyOf(input),
    ...(contentType === undefined ? {} : { contentType }),
  };
  const signal = call?.signal ?? new AbortController().signal;
  const journey = { app: id, request, hops: [], signal };
  const here = needs.find(id);
  if (here !== undefined) {
    const caller = callerText(call);
    return shown(await callHere(needs, here, { ...journey, token: undefined, caller }));
  }
  return shown(await callElsewhere(needs, { ...journey, token: tokenOf(needs, input) }));
}

/** Undefined where there is none; what is wrong with it is told before anybody is asked. */
function tokenOf(
  needs: AppsNeeds,
  { id, token, received }: Pick<AppCall, 'id' | 'token' | 'received'>,
): string | undefined {
  const { checks, proxy } = needs;
  if (!proxy || (token === undefined && received === undefined)) {
    return undefined;
  }
  if (token === undefined) {
    return checks.received(received ?? '');
  }
  requirePassable(needs, checks.inspect(token), id);
  return token;
}

function ownApp({ cluster, name }: AppsNeeds, record: AppRecord): App {
  const { endpoint, private: isPrivate, ...manifest } = record;
  return {
    ...manifest,
    cluster,
    clusterName: name,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(isPrivate ? { private: true } : {}),
  };
}

function unheard(
  { peers, neighbours }: AppsNeeds,
  linked: readonly App['cluster'][],
): readonly Unheard[] {
  return linked.flatMap((cluster) => {
    const problem = neighbours.heard(cluster)?.problem;
    const { name = cluster.slice(0, 8) } = peers.standing(cluster);
    return problem === undefined ? [] : [{ peer: name, problem }];
  });
}

function bodyOf({ body = '', encoding = 'utf8' }: AppCall): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = encoding === 'utf8' ? utf8(body) : fromBase64Url(body);
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', 'the body is not base64url', { cause });
  }
  if (bytes.length > appBodyBytesMax) {
    throw new HansaError('INPUT_TOO_LARGE', `a body has at most ${appBodyBytesMax} bytes`, {
      facts: { appBodyBytesMax },
    });
  }
  return bytes;
}

function shown({ body, ...answer }: PassedAnswer): AppAnswer {
  try {
    return { ...answer, body: fromUtf8(body), encoding: 'utf8' };
  } catch {
    return { ...answer, body: toBase64Url(body), encoding: 'base64url' };
  }
}

/** For the app to see: ASCII, as headers are. */
function callerText(call: Call | undefined): string {
  const caller = call?.caller;
  return caller?.kind === 'token'
    ? `token ${encodeURIComponent(caller.subject)}`
    : (caller?.kind ?? 'owner');
}
