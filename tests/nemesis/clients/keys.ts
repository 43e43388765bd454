// Clients of key-value spaces, several at a time and each one thing after the other: registers that
// are read, written and compared; counters; keys that are put once; and readers of the copies.
import { kvContract, type Kv } from '@hansa/capabilities/kv/contract';
import { setTimeout as later } from 'node:timers/promises';
import type { Sighting } from '../../../testkit/nemesis/contents.ts';
import type { Heard } from '../../../testkit/nemesis/history.ts';
import type { Value } from '../../../testkit/nemesis/models.ts';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import type { Asking } from './asking.ts';
import { askingFor, pauseMs, whileOn, type ClientNeeds } from './client.ts';

export const spaces = ['registers', 'counters', 'keys'] as const;

// of one key, before clients go on to the next: a history of some hundred is judged in a moment
const operationsPerKey = 120;
const attemptsMax = 5; // of one addition, each after another client was faster
const kept = 3; // keys that are in use at a time

/** Which keys are in use now, for all clients of a kind. */
export interface KeyTurn {
  next(random: SeededRandom): string;
}

export function createKeyTurn(prefix: string): KeyTurn {
  let asked = 0;
  return {
    next(random) {
      asked += 1;
      const generation = Math.floor(asked / (operationsPerKey * kept));
      return `${prefix}${generation}.${random.integer(kept)}`;
    },
  };
}

export async function useRegisters(needs: ClientNeeds, turn: KeyTurn): Promise<void> {
  const { name, recorder, random } = needs;
  const kv = askingFor(needs, kvContract);
  const seen = new Map<string, Value>();
  let written = 0;
  await whileOn(needs, async () => {
    const key = turn.next(random);
    const chosen = random.fraction();
    if (chosen < 0.4) {
      const heard = await recorder.record(name, { operation: 'get', key }, () =>
        getText(kv, 'registers', key),
      );
      remember(seen, key, heard);
      return;
    }
    written += 1;
    const to = `${name}.${written}`;
    if (chosen < 0.7) {
      await recorder.record(name, { operation: 'put', key, value: to }, () =>
        kv.write((service) => service.put({ space: 'registers', key, text: to })),
      );
      seen.set(key, to);
      return;
    }
    const from = seen.get(key) ?? null;
    const value = { from, to };
    const heard = await recorder.record(name, { operation: 'cas', key, value }, () =>
      compareAndSet(kv, key, value),
    );
    seen.set(key, heard.outcome === 'ok' ? nowHeld(heard.value, to) : to);
  });
}

function remember(seen: Map<string, Value>, key: string, heard: Heard): void {
  if (heard.outcome === 'ok') {
    seen.set(key, heard.value as Value);
  }
}

function nowHeld(heard: unknown, to: Value): Value {
  const { done, found } = heard as { done: boolean; found: Value };
  return done ? to : found;
}

/** What is there, or null. */
export async function getText(kv: Asking<Kv>, space: string, key: string): Promise<Heard> {
  const heard = await kv.read((service) => service.get({ space, key }));
  if (heard.outcome === 'ok') {
    return { outcome: 'ok', value: (heard.value as { text?: string }).text ?? '' };
  }
  return heard.why.startsWith('ENTRY_NOT_FOUND') ? { outcome: 'ok', value: null } : heard;
}

async function compareAndSet(
  kv: Asking<Kv>,
  key: string,
  { from, to }: { readonly from: Value; readonly to: string },
): Promise<Heard> {
  return kv.write(async (service) => {
    const { succeeded, results } = await service.transact({
      space: 'registers',
      if: [from === null ? { key, present: false } : { key, value: { text: from } }],
      then: [{ put: { key, text: to } }],
      else: [{ get: { key } }],
    });
    const [first] = results;
    const found = first !== undefined && 'get' in first ? (first.get.entry?.text ?? null) : null;
    return { done: succeeded, found };
  });
}

export async function useCounters(needs: ClientNeeds, turn: KeyTurn): Promise<void> {
  const { name, recorder, random } = needs;
  const kv = askingFor(needs, kvContract);
  await whileOn(needs, async () => {
    const key = turn.next(random);
    if (random.chance(0.3)) {
      await recorder.record(name, { operation: 'get', key }, () => getNumber(kv, key));
      return;
    }
    await recorder.record(name, { operation: 'add', key, value: 1 }, () => addOne(kv, key));
  });
}

export async function getNumber(kv: Asking<Kv>, key: string): Promise<Heard> {
  const heard = await getText(kv, 'counters', key);
  return heard.outcome === 'ok' ? { outcome: 'ok', value: Number(heard.value ?? 0) } : heard;
}

/** Reads, and writes one more where nobody has written since; again where somebody has. */
async function addOne(kv: Asking<Kv>, key: string): Promise<Heard> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const read = await kv.read((service) =>
      service.get({ space: 'counters', key }).catch(nothingThere),
    );
    if (read.outcome !== 'ok') {
      return { outcome: 'fail', why: read.why };
    }
    const { version, text } = read.value as { version: number; text: string };
    const next = Number(text) + 1;
    const wrote = await kv.write((service) =>
      service.transact({
        space: 'counters',
        if: [{ key, version }],
        then: [{ put: { key, text: String(next) } }],
      }),
    );
    if (wrote.outcome !== 'ok') {
      return wrote;
    }
    if ((wrote.value as { succeeded: boolean }).succeeded) {
      return { outcome: 'ok', value: next };
    }
  }
  return { outcome: 'fail', why: 'others were faster' };
}

function nothingThere(error: unknown): { version: number; text: string } {
  if ((error as { code?: string }).code === 'ENTRY_NOT_FOUND') {
    return { version: 0, text: '0' };
  }
  throw error;
}

/** Each key once, and some of them deleted again. */
export async function useKeys(needs: ClientNeeds): Promise<void> {
  const { name, recorder, random } = needs;
  const kv = askingFor(needs, kvContract);
  const there: string[] = [];
  let made = 0;
  await whileOn(needs, async () => {
    const old = there.length > 0 && random.chance(0.3) ? random.integer(there.length) : undefined;
    if (old !== undefined) {
      const [key = ''] = there.splice(old, 1);
      await recorder.record(name, { operation: 'delete', key }, () =>
        kv.write(async (service) => (await service.delete({ space: 'keys', key })).deleted),
      );
      return;
    }
    made += 1;
    const key = `${name}.${made}`;
    const value = `value of ${key}`;
    const heard = await recorder.record(name, { operation: 'put', key, value }, () =>
      kv.write((service) => service.put({ space: 'keys', key, text: value })),
    );
    if (heard.outcome === 'ok') {
      there.push(key);
    }
  });
}

/** Reads a copy of the registers as it follows; a key that is not there tells nothing. */
export async function readCopies(
  needs: ClientNeeds & { readonly owner: string },
  turn: KeyTurn,
): Promise<void> {
  const { name, owner, recorder, random } = needs;
  const kv = askingFor(needs, kvContract);
  await whileOn(needs, async () => {
    const key = turn.next(random);
    await recorder.record(name, { operation: 'get', key }, () =>
      kv.read(async (service): Promise<Sighting> => {
        const { text, revision } = await service.get({ space: `${owner}:registers`, key });
        return { text: text ?? '', revision };
      }),
    );
    await later(pauseMs);
  });
}
