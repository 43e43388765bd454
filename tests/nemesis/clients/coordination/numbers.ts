// Clients of counters, of sequences and of a rate limiter. Some additions bring an id and are sent
// until somebody answers, as the buffered counter of the client does; others may be lost.
import {
  counterContract,
  limiterContract,
  sequenceContract,
} from '@hansa/capabilities/counters/contract';
import { createBufferedCounter } from '@hansa/client';
import { HansaError } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import {
  limiterRate,
  type BufferedSaid,
  type TakeHeard,
} from '../../../../testkit/nemesis/coordination/numbers.ts';
import { askingFor, whileOn, type ClientNeeds } from '../client.ts';
import type { KeyTurn } from '../keys.ts';
import { pause, untilAnswered, waitMs } from './told.ts';

const onceChance = 0.5; // additions that are sent until somebody answers
const lookChance = 0.2;
const countMax = 5; // numbers taken at once
const bufferMs = 300; // sent about three times a second
const bufferedAddMs = 15; // several additions come together in one that is sent
const closeTriesMax = 40; // half a minute after the last strike, everything has long been sent
const closeAgainMs = 1_000;
const sequenceName = 'numbers';
export const limiterName = 'gate';

export async function useCoordinationCounters(needs: ClientNeeds, turn: KeyTurn): Promise<void> {
  const { name, recorder, random } = needs;
  const counters = askingFor(needs, counterContract);
  let made = 0;
  await whileOn(needs, async () => {
    const key = turn.next(random);
    if (random.chance(lookChance)) {
      await recorder.record(name, { operation: 'get', key }, () =>
        counters.read(async (service) => (await service.show({ name: key })).value),
      );
      return;
    }
    made += 1;
    const once = random.chance(onceChance) ? `${name}.${made}` : undefined;
    const by = 1 + random.integer(3);
    const asked = { operation: 'add', key, value: { by, once } };
    const add = () =>
      counters.write(async (service) => (await service.add({ name: key, by, once })).value);
    await (once === undefined
      ? recorder.record(name, asked, add)
      : untilAnswered(needs, asked, add));
  });
}

/** The client's own buffered counter, on a counter of its own. */
export async function useBufferedCounter(needs: ClientNeeds): Promise<void> {
  const { name, recorder, signal } = needs;
  const counters = askingFor(needs, counterContract);
  const key = `buffered.${name}`;
  let added = 0;
  const buffered = createBufferedCounter({
    counters: {
      async add(input) {
        const heard = await counters.write((service) => service.add(input));
        if (heard.outcome !== 'ok') {
          throw new HansaError('STORE_UNKNOWN_OUTCOME', heard.why);
        }
        return heard.value as { name: string; value: number };
      },
    },
    name: key,
    clock: createSystemClock(),
    id: name,
    flushMs: bufferMs,
  });
  while (!signal.aborted) {
    buffered.add();
    added += 1;
    await pause(needs, bufferedAddMs);
  }
  await recorder.record(name, { operation: 'buffered', key }, async () => {
    for (let tries = 0; tries < closeTriesMax; tries += 1) {
      const sent = await buffered.close().then(
        () => true,
        () => false,
      );
      if (sent) {
        break;
      }
      await createSystemClock().sleep(closeAgainMs);
    }
    const value: BufferedSaid = { added, pending: buffered.pending };
    return { outcome: 'ok', value };
  });
}

export async function useSequence(needs: ClientNeeds): Promise<void> {
  const { name, recorder, random } = needs;
  const sequences = askingFor(needs, sequenceContract);
  await whileOn(needs, async () => {
    const key = `sequence ${sequenceName}`;
    if (random.chance(lookChance)) {
      await recorder.record(name, { operation: 'get', key }, () =>
        sequences.read(async (service) => (await service.show({ name: sequenceName })).last),
      );
      return;
    }
    const count = 1 + random.integer(countMax);
    await recorder.record(name, { operation: 'next', key, value: count }, () =>
      sequences.write(async (service) => service.next({ name: sequenceName, count })),
    );
  });
}

export async function takeTokens(needs: ClientNeeds): Promise<void> {
  const { name, recorder, random } = needs;
  const limiters = askingFor(needs, limiterContract);
  await whileOn(needs, async () => {
    const tokens = 1 + random.integer(2);
    const wait = random.chance(0.5) ? { waitMs } : {};
    const asked = { operation: 'take', key: limiterName, value: tokens };
    await recorder.record(name, asked, () =>
      limiters.write(async (service): Promise<TakeHeard> => {
        const { allowed } = await service.take({ name: limiterName, tokens, ...wait });
        return { allowed };
      }),
    );
    await pause(needs, 1_000 / limiterRate.perSecond);
  });
}
