// What recorded instances of a service and those who looked for them heard, judged: whoever is
// registered and lives is found, whoever has gone is not, and tokens only rise.
import { checkSequenceHistory } from '../../coordination-model.ts';
import type { Operation } from '../history.ts';

/** The value of `register`; of `heartbeat` and `deregister`, with the token. */
export interface RegisterAsked {
  readonly instance: string;
  readonly ttlSeconds: number;
}

export interface RegisterHeard {
  readonly token: number;
}

/** What `get` of the key `registry` hears. */
export interface FoundHeard {
  readonly instances: readonly { readonly instance: string; readonly token: number }[];
}

interface Registration extends RegisterAsked, RegisterHeard {
  readonly startMs: number;
  readonly endMs: number;
  /** Its heartbeats and its end, in their order. */
  readonly later: readonly Operation[];
  /** Others of the same name began after it did, or while it was under way. */
  readonly replacedMs: number;
}

export function judgeRegistry(operations: readonly Operation[]): readonly string[] {
  const own = operations.filter(({ key }) => key === 'registry');
  const registered = registrationsOf(own);
  const looks = own.filter(({ operation, outcome }) => operation === 'get' && outcome === 'ok');
  const names = new Set(registered.map(({ instance }) => instance));
  const gifts = [...names].flatMap((name) =>
    checkSequenceHistory(
      registered
        .filter(({ instance }) => instance === name)
        .map(({ token, startMs, endMs }) => ({
          first: token,
          last: token,
          askedMs: startMs,
          answeredMs: endMs,
        })),
    ).map((wrong) => `tokens of ${name}: ${wrong}`),
  );
  return [
    ...gifts,
    ...registered.flatMap(judgeBeats),
    ...looks.flatMap((look) => registered.flatMap((one) => judgeLook(one, look))),
  ];
}

function registrationsOf(own: readonly Operation[]): readonly Registration[] {
  const registers = own.filter(({ operation }) => operation === 'register');
  return registers
    .filter(({ outcome }) => outcome === 'ok')
    .map((register) => {
      const asked = register.value as RegisterAsked;
      const { token } = register.heard as RegisterHeard;
      const { startMs, endMs } = register;
      const others = registers.filter(
        (one) =>
          one !== register &&
          one.outcome !== 'fail' &&
          (one.value as RegisterAsked).instance === asked.instance &&
          (one.outcome === 'unknown' || one.endMs > startMs),
      );
      // One without an answer may come at any time since.
      const replacedMs = Math.min(...others.map((one) => Math.max(one.startMs, startMs)));
      const later = own
        .filter(({ value }) => (value as { token?: number } | undefined)?.token === token)
        .filter(({ value }) => (value as RegisterAsked).instance === asked.instance)
        .toSorted((a, b) => a.start - b.start);
      return { ...asked, token, startMs, endMs, later, replacedMs };
    });
}

/** Who says in time that it lives is believed, unless somebody newer has its name. */
function judgeBeats({ instance, token, ttlSeconds, startMs, later, replacedMs }: Registration) {
  let aliveMs = startMs + ttlSeconds * 1_000;
  const wrongs: string[] = [];
  for (const { operation, outcome, heard, startMs: sentMs, endMs } of later) {
    if (operation !== 'heartbeat') {
      break;
    }
    const isLost = typeof heard === 'object' && heard !== null && 'lost' in heard;
    if (outcome === 'ok' && isLost && endMs < Math.min(aliveMs, replacedMs)) {
      wrongs.push(`${instance} (token ${token}) was lost ${Math.round(aliveMs - endMs)} ms early`);
    }
    aliveMs = outcome === 'ok' && !isLost ? sentMs + ttlSeconds * 1_000 : aliveMs;
  }
  return wrongs;
}

function judgeLook(one: Registration, look: Operation): readonly string[] {
  const { instance, token, later, ttlSeconds } = one;
  const shown = (look.heard as FoundHeard).instances.find((each) => each.instance === instance);
  const gone = later.find(({ operation }) => operation === 'deregister');
  const name = `${instance} (token ${token})`;
  if (look.startMs < one.endMs) {
    return [];
  }
  if (shown !== undefined && shown.token < token) {
    return [`${name} was found with the older token ${shown.token}`];
  }
  if (shown?.token === token && gone?.outcome === 'ok' && gone.endMs <= look.startMs) {
    return [`${name} was found after it had gone`];
  }
  const beats = later.filter(
    ({ operation, outcome, heard, endMs }) =>
      operation === 'heartbeat' &&
      outcome === 'ok' &&
      !(typeof heard === 'object' && heard !== null && 'lost' in heard) &&
      endMs <= look.startMs,
  );
  const aliveMs = (beats.at(-1)?.startMs ?? one.startMs) + ttlSeconds * 1_000;
  const certainMs = Math.min(aliveMs, one.replacedMs, gone?.startMs ?? Number.POSITIVE_INFINITY);
  return shown === undefined && look.endMs < certainMs ? [`${name} lives and was not found`] : [];
}
