// Clients of a queue: some push, with ids and without, in groups and alone; others pull, work, and
// acknowledge, give back, ask for more time, or vanish. Some items nobody can do: dead letters.
import { queueContract, type Queues } from '@hansa/capabilities/queues/contract';
import type {
  PulledItem,
  PullHeard,
  PushAsked,
  SettleAsked,
  SettleHeard,
} from '../../../../testkit/nemesis/coordination/queues.ts';
import { attemptsMax, visibilitySeconds } from '../../../../testkit/nemesis/coordination/queues.ts';
import type { Asking } from '../asking.ts';
import { askingFor, whileOn, type ClientNeeds } from '../client.ts';
import { pause, untilAnswered, waitMs } from './told.ts';

export const queueName = 'work';
export const queueSettings = { visibilitySeconds, attemptsMax } as const;

const pushMs = 150; // between two of one producer: about as fast as the consumers do them
const workMs = 200; // at one item; now and then it is longer than the item is hidden
const limit = 2; // items at once
const groups = ['g', 'h'] as const;
const chances = { id: 0.6, group: 0.4, poison: 0.06, nack: 0.1, vanish: 0.08, slow: 0.05 };
const ackTriesMax = 3; // as often as a careful consumer says that it is done
const poison = '!'; // at the end of a payload that nobody can do

export async function pushItems(needs: ClientNeeds): Promise<void> {
  const { name, recorder, random } = needs;
  const queues = askingFor(needs, queueContract);
  let made = 0;
  await whileOn(needs, async () => {
    made += 1;
    const payload = `${name}.${made}${random.chance(chances.poison) ? poison : ''}`;
    const value: PushAsked = {
      payload,
      ...(random.chance(chances.id) ? { id: payload } : {}),
      ...(random.chance(chances.group) ? { group: random.pick(groups) } : {}),
    };
    const asked = { operation: 'push', key: queueName, value };
    const push = () =>
      queues.write(async (service) => {
        const { sequences } = await service.push({ queue: queueName, items: [value] });
        return { sequence: sequences[0] };
      });
    await (value.id === undefined
      ? recorder.record(name, asked, push)
      : untilAnswered(needs, asked, push));
    await pause(needs, 2 * pushMs);
  });
}

export async function workAtItems(needs: ClientNeeds): Promise<void> {
  const { name, recorder } = needs;
  const queues = askingFor(needs, queueContract);
  const consumer = new Consumer(needs, queues);
  await whileOn(needs, async () => {
    const asked = { operation: 'pull', key: queueName, value: { consumer: name } };
    const heard = await recorder.record(name, asked, () =>
      queues.write(async (service): Promise<PullHeard> => {
        const pulled = { queue: queueName, consumer: name, limit, waitMs };
        const { items } = await service.pull(pulled);
        return {
          items: items.map(({ sequence, attempt, payload, group }) => ({
            sequence,
            attempt,
            payload,
            group,
          })),
        };
      }),
    );
    if (heard.outcome === 'ok') {
      for (const item of (heard.value as PullHeard).items) {
        await consumer.work(item);
      }
    }
  });
}

class Consumer {
  readonly #needs: ClientNeeds;
  readonly #queues: Asking<Queues>;

  constructor(needs: ClientNeeds, queues: Asking<Queues>) {
    this.#needs = needs;
    this.#queues = queues;
  }

  async work({ sequence, attempt, payload }: PulledItem): Promise<void> {
    const { random } = this.#needs;
    const receipt = { sequence, attempt };
    await pause(this.#needs, 2 * workMs);
    if (random.chance(chances.vanish)) {
      return;
    }
    if (random.chance(chances.slow)) {
      await this.#settle('extend', receipt);
      await pause(this.#needs, 2 * visibilitySeconds * 1_000);
    }
    const fails = payload.endsWith(poison) || random.chance(chances.nack);
    await this.#settle(fails ? 'nack' : 'ack', receipt);
  }

  async #settle(operation: 'ack' | 'nack' | 'extend', value: SettleAsked): Promise<void> {
    const { name, recorder } = this.#needs;
    const given = { queue: queueName, items: [value] };
    const work = async (service: Queues): Promise<SettleHeard> => {
      const { settled } = await (operation === 'extend'
        ? service.extend({ ...given, visibilitySeconds })
        : service[operation](given));
      return { settled: settled === 1 };
    };
    for (let tries = 0; tries < ackTriesMax; tries += 1) {
      const asked = { operation, key: queueName, value };
      const heard = await recorder.record(name, asked, () => this.#queues.write(work));
      if (heard.outcome === 'ok') {
        return;
      }
    }
  }
}
