// Instances that register, say that they live, and go; and lookers that ask who is there.
import { registryContract } from '@hansa/capabilities/services/contract';
import type {
  FoundHeard,
  RegisterAsked,
  RegisterHeard,
} from '../../../../testkit/nemesis/coordination/registry.ts';
import { askingFor, whileOn, type ClientNeeds } from '../client.ts';
import { isLost, lostToo, pause, ttlSeconds, untilAnswered } from './told.ts';

const service = 'billing';
const address = '127.0.0.1';
const beatsMax = 5; // of one registration
const beatMs = 900; // several within a time to live
const vanishChance = 0.3; // instances that die
const sharedChance = 0.3; // registrations under a name that another client uses as well

export async function registerInstances(needs: ClientNeeds): Promise<void> {
  const { name, recorder, random, signal } = needs;
  const registry = askingFor(needs, registryContract);
  const tell = async (operation: string, value: RegisterAsked & { token: number }) => {
    const { instance, token } = value;
    return recorder.record(name, { operation, key: 'registry', value }, () =>
      lostToo(
        registry.write((services) =>
          operation === 'heartbeat'
            ? services.heartbeat({ service, instance, token })
            : services.deregister({ service, instance, token }),
        ),
      ),
    );
  };
  await whileOn(needs, async () => {
    const instance = random.chance(sharedChance) ? 'shared' : name;
    const value: RegisterAsked = { instance, ttlSeconds };
    const heard = await untilAnswered(
      needs,
      { operation: 'register', key: 'registry', value },
      async () =>
        registry.write(async (services): Promise<RegisterHeard> => {
          const asked = { service, instance, address, ttlSeconds };
          return { token: (await services.register(asked)).token };
        }),
    );
    if (heard === undefined) {
      return;
    }
    const { token } = heard as RegisterHeard;
    for (let beats = random.integer(beatsMax); beats > 0 && !signal.aborted; beats -= 1) {
      await pause(needs, 2 * beatMs);
      const beat = await tell('heartbeat', { ...value, token });
      if (beat.outcome === 'ok' && isLost(beat.value)) {
        return;
      }
    }
    if (!random.chance(vanishChance)) {
      await tell('deregister', { ...value, token });
    }
  });
}

export async function lookForInstances(needs: ClientNeeds): Promise<void> {
  const { name, recorder } = needs;
  const registry = askingFor(needs, registryContract);
  await whileOn(needs, async () => {
    await recorder.record(name, { operation: 'get', key: 'registry' }, () =>
      registry.read(async (services): Promise<FoundHeard> => {
        const { instances } = await services.discover({ service });
        return { instances: instances.map(({ instance, token }) => ({ instance, token })) };
      }),
    );
    await pause(needs, beatMs / 2);
  });
}
