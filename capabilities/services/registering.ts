// Registering, staying alive and going: an instance is a row under a lease, and whoever has its
// token may keep or change it.
import {
  createMutex,
  HansaError,
  isHansaError,
  type Clock,
  type KeyValueStore,
  type Op,
} from '@hansa/foundation';
import {
  instancesMax,
  registrationSecondsDefault,
  type Health,
  type Instance,
  type Services,
} from './contract.ts';
import type { ServiceTables } from './keys.ts';

export interface RegisteringNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: ServiceTables;
  /** Fewer than `instancesMax`, for tests. */
  readonly instancesMax?: number | undefined;
}

type Given = Parameters<Services['register']>[0];

interface Held {
  readonly instance: Instance;
  readonly lease: string;
  readonly modRevision: number;
}

const attemptsMax = 64; // each lost one means that another process has registered something
const weightDefault = 100; // room for less and for more

export function createRegistering(
  needs: RegisteringNeeds,
): Pick<Services, 'register' | 'heartbeat' | 'deregister'> {
  const { store } = needs;
  // Not for safety: callers of one process would only make each other's transactions fail.
  const turn = createMutex();
  return {
    register: (given) => turn.run(() => register(needs, given)),
    async heartbeat({ service, instance, token, health }) {
      const key = { service, instance, token };
      if (health !== undefined) {
        await changeHealth(needs, key, health);
      }
      const { lease } = await held(needs, key);
      return known(key, store.leaseKeepAlive(lease));
    },
    async deregister({ service, instance, token }) {
      const key = { service, instance, token };
      const { lease } = await held(needs, key);
      await known(key, store.leaseRevoke(lease));
      return key;
    },
  };
}

async function register(needs: RegisteringNeeds, given: Given): Promise<Instance> {
  const { store, tables } = needs;
  const { service, instance, ttlSeconds = registrationSecondsDefault } = given;
  const key = tables.instances.key(service, instance);
  const { id: lease } = await store.leaseGrant(ttlSeconds);
  let done = false;
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { entries } = await store.batchRead([key, tables.tokens.key()]);
      const [before = null, counted = null] = entries;
      if (before === null) {
        await requireRoom(needs);
      }
      const last = counted === null ? 0 : tables.tokens.row(counted).value.last;
      const made = instanceOf(needs, given, { token: last + 1, ttlSeconds });
      const { succeeded } = await store.transact({
        if: [
          {
            key: tables.tokens.key(),
            target: 'modRevision',
            op: '=',
            operand: counted?.modRevision ?? 0,
          },
        ],
        then: [
          tables.tokens.put([], { last: last + 1 }),
          underLease(tables.instances.put([service, instance], made), lease),
        ],
      });
      if (succeeded) {
        done = true;
        await dropLease(store, before?.lease);
        return made;
      }
    }
    throw new HansaError('CONFLICT', 'the registry changes too fast', { fix: 'try again' });
  } finally {
    if (!done) {
      await dropLease(store, lease);
    }
  }
}

/** Nothing stands under it any more; it would go by itself. */
async function dropLease(store: KeyValueStore, lease: string | undefined): Promise<void> {
  if (lease !== undefined) {
    await store.leaseRevoke(lease).catch(() => undefined);
  }
}

function underLease(op: Op, lease: string): Op {
  return 'put' in op ? { put: { ...op.put, lease } } : op;
}

function instanceOf(
  { clock }: RegisteringNeeds,
  given: Given,
  { token, ttlSeconds }: { readonly token: number; readonly ttlSeconds: number },
): Instance {
  const { service, instance, address, port } = given;
  return {
    service,
    instance,
    token,
    address,
    ...(port === undefined ? {} : { port }),
    version: given.version ?? '',
    tags: given.tags ?? [],
    metadata: given.metadata ?? {},
    weight: given.weight ?? weightDefault,
    health: given.health ?? 'passing',
    sinceMs: clock.now(),
    ttlSeconds,
  };
}

async function requireRoom(needs: RegisteringNeeds): Promise<void> {
  const { store, tables } = needs;
  const most = needs.instancesMax ?? instancesMax;
  let count = 0;
  let cursor: string | undefined;
  do {
    const options = { keysOnly: true, ...(cursor === undefined ? {} : { cursor }) };
    const page = await store.scan({ prefix: tables.instances.prefix() }, options);
    count += page.entries.length;
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (count >= most) {
    throw new HansaError('COORDINATION_FULL', `there are ${most} instances already`);
  }
}

interface Key {
  readonly service: string;
  readonly instance: string;
  readonly token: number;
}

/** The instance, where the token is still its own. */
async function held({ store, tables }: RegisteringNeeds, key: Key): Promise<Held> {
  const { entry } = await store.get(tables.instances.key(key.service, key.instance));
  const row = entry === null ? undefined : tables.instances.row(entry);
  if (row === undefined || row.value.token !== key.token) {
    throw lost(key);
  }
  return { instance: row.value, lease: entry?.lease ?? '', modRevision: row.modRevision };
}

function lost({ service, instance, token }: Key): HansaError {
  return new HansaError(
    'COORDINATION_LOST',
    `${instance} of ${service} is not registered by ${token} any more`,
    { fix: 'register it anew' },
  );
}

async function known<T>(key: Key, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isHansaError(error, 'STORE_LEASE_NOT_FOUND') ? lost(key) : error;
  }
}

async function changeHealth(needs: RegisteringNeeds, key: Key, health: Health): Promise<void> {
  const { store, tables } = needs;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const { instance, lease, modRevision } = await held(needs, key);
    if (instance.health === health) {
      return;
    }
    const parts = [key.service, key.instance];
    const write = store.transact({
      if: [
        {
          key: tables.instances.key(...parts),
          target: 'modRevision',
          op: '=',
          operand: modRevision,
        },
      ],
      then: [underLease(tables.instances.put(parts, { ...instance, health }), lease)],
    });
    if ((await known(key, write)).succeeded) {
      return;
    }
  }
  throw new HansaError('CONFLICT', 'the registry changes too fast', { fix: 'try again' });
}
