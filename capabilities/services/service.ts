// The registry: who registers, and who looks.
import {
  createStoreBell,
  type Clock,
  type Codec,
  type KeyValueStore,
  type StoreBell,
} from '@hansa/foundation';
import { foundMax, type Filter, type Instance, type Services } from './contract.ts';
import { serviceTables, type ServiceTables } from './keys.ts';
import { createRegistering } from './registering.ts';

export interface ServicesNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  /** Fewer than `instancesMax`, for tests. */
  readonly instancesMax?: number | undefined;
}

const lookAgainMs = 5_000; // rings come by the store's watch; this is for one that was lost

export function createServices(needs: ServicesNeeds): Services {
  const tables = serviceTables(needs.store, needs.codec);
  const bell = createStoreBell(needs);
  return {
    ...createRegistering({ ...needs, tables }),
    ...looking(tables, bell),
  };
}

function looking(
  tables: ServiceTables,
  bell: StoreBell,
): Pick<Services, 'discover' | 'watch' | 'list'> {
  const discover: Services['discover'] = async ({ service, limit = foundMax, ...filter }) => {
    const instances: Instance[] = [];
    for await (const { value } of tables.instances.rows(service)) {
      if (fits(value, filter)) {
        instances.push(value);
      }
      if (instances.length >= limit) {
        break;
      }
    }
    return { instances };
  };
  return {
    discover,
    async *watch(asked, call) {
      const signal = call?.signal;
      const seat = await bell.attend([tables.instances.prefix(asked.service)]);
      let told: string | undefined;
      try {
        while (signal?.aborted !== true) {
          seat.hush();
          const found = await discover(asked);
          const now = JSON.stringify(found);
          if (now !== told) {
            told = now;
            yield found;
          }
          await seat.rung(lookAgainMs, signal);
        }
      } finally {
        seat.leave();
      }
    },
    async list() {
      const counts = new Map<string, { instances: number; passing: number }>();
      for await (const { value } of tables.instances.rows()) {
        const { instances, passing } = counts.get(value.service) ?? { instances: 0, passing: 0 };
        const isPassing = value.health === 'passing' ? 1 : 0;
        counts.set(value.service, { instances: instances + 1, passing: passing + isPassing });
      }
      return { services: [...counts].map(([service, count]) => ({ service, ...count })) };
    },
  };
}

function fits(instance: Instance, { tags = [], version, health }: Filter): boolean {
  const isVersion =
    version === undefined ||
    instance.version === version ||
    instance.version.startsWith(`${version}.`);
  const isHealth =
    health === 'any' ||
    (health === undefined ? instance.health !== 'critical' : instance.health === health);
  return isVersion && isHealth && tags.every((tag) => instance.tags.includes(tag));
}
