// A router whose params are kept in a store that a test may slow down, stop and break.
import { HansaError, silentLog, type KeyValueStore } from '@hansa/foundation';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createMemoryStore } from '@hansa/store-memory';
import { createVirtualClock, type VirtualClock } from '../../../testkit/virtual-clock.ts';
import { createRuleBook } from '../router/rules.ts';
import { createRig, shown, type Rig } from '../router/router-rig.suite.ts';
import { createKeeping, type Keeping } from './keeper.ts';

const rules = [
  { pattern: '/durable/**', durable: true },
  { pattern: '/short/**', ttlSeconds: 10 },
] as const;

export interface World {
  readonly clock: VirtualClock;
  readonly store: KeyValueStore;
  /** How many operations each transaction had. */
  readonly transactions: number[];
  fails: boolean;
  /** Until it resolves, no transaction ends. */
  stall: Promise<void> | undefined;
  /** How long each transaction takes. */
  takesMs: number;
  /** Transactions that are under way. */
  underWay: number;
  /** The most that were at once. */
  underWayMost: number;
  start(): Promise<Rig & { readonly keeping: Keeping }>;
}

export function createWorld(): World {
  const clock = createVirtualClock();
  const inner = createMemoryStore({ clock });
  const world: World = {
    clock,
    transactions: [],
    fails: false,
    stall: undefined,
    takesMs: 0,
    underWay: 0,
    underWayMost: 0,
    store: {
      ...inner,
      limits: inner.limits,
      durability: inner.durability,
      get: inner.get.bind(inner),
      scan: inner.scan.bind(inner),
      compareAndSet: inner.compareAndSet.bind(inner),
      async transact(transaction, options) {
        world.underWay += 1;
        world.underWayMost = Math.max(world.underWayMost, world.underWay);
        await world.stall;
        if (world.takesMs > 0) {
          await clock.sleep(world.takesMs);
        }
        world.underWay -= 1;
        if (world.fails) {
          throw new HansaError('DISK_FULL', 'no space is left');
        }
        world.transactions.push(transaction.then.length);
        return inner.transact(transaction, options);
      },
    },
    async start() {
      const ruleOf = createRuleBook(rules);
      const keeping = createKeeping({
        store: world.store,
        codec: createMsgpackCodec(),
        crypto: createNodeCrypto(),
        clock,
        log: silentLog,
        isDurable: (address) => ruleOf(address)?.durable === true,
      });
      const options = { rules, messagesPerSecondMax: 0, sessionIdleMs: 0 };
      const rig = createRig({ clock, keeper: keeping, options });
      await keeping.load(rig.router);
      return { ...rig, clock, keeping };
    },
  };
  return world;
}

export function stateOf({ router }: Rig): Record<string, string> {
  return Object.fromEntries(
    [...router.params()].map(({ address, value }) => [address, shown(value)]),
  );
}
