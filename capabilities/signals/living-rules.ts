// Rules of addresses that change while the router runs: kept in the store, asked from memory.
import { createMutex, HansaError, type Crypto, type KeyValueStore } from '@hansa/foundation';
import { rulesMax, type PlacedRule, type SignalRule } from './hosted-contract.ts';
import type { HostedTables } from './keys.ts';
import { keyPartOf } from './keeping/rows.ts';
import { patternProblem } from './patterns/address.ts';
import { createRuleBook, type RuleBook } from './router/rules.ts';

export interface LivingRules {
  readonly of: RuleBook;
  /** In the order in which they are asked. */
  all(): readonly PlacedRule[];
  load(): Promise<void>;
  /** SIGNAL_ADDRESS_INVALID, STORE_LIMIT. */
  put(rule: SignalRule & { readonly place?: number | undefined }): Promise<PlacedRule>;
  /** SIGNAL_NOT_FOUND. */
  remove(pattern: string): Promise<PlacedRule>;
}

export interface LivingRulesNeeds {
  readonly store: KeyValueStore;
  readonly crypto: Crypto;
  readonly tables: Pick<HostedTables, 'rules'>;
}

export function createLivingRules({ store, crypto, tables }: LivingRulesNeeds): LivingRules {
  const mutex = createMutex();
  let rules: readonly PlacedRule[] = [];
  let book = createRuleBook([]);
  const settle = (changed: readonly PlacedRule[]): void => {
    rules = changed.toSorted((a, b) => a.place - b.place);
    book = createRuleBook(rules);
  };
  const others = (pattern: string): readonly PlacedRule[] =>
    rules.filter((each) => each.pattern !== pattern);
  return {
    of: (address) => book(address),
    all: () => rules,
    async load() {
      const loaded: PlacedRule[] = [];
      for await (const { value } of tables.rules.rows()) {
        loaded.push(value);
      }
      settle(loaded);
    },
    put: ({ place, ...rule }) =>
      mutex.run(async () => {
        requirePattern(rule.pattern);
        const rest = others(rule.pattern);
        if (rest.length >= rulesMax) {
          throw new HansaError(
            'STORE_LIMIT',
            `there are ${rulesMax} rules, and no place for more`,
            {
              fix: 'hansa signal rule remove <pattern>',
            },
          );
        }
        const known = rules.find((each) => each.pattern === rule.pattern);
        const placed = { ...rule, place: place ?? known?.place ?? lastPlace(rest) + 1 };
        const key = [keyPartOf(rule.pattern, crypto)];
        await store.transact({ if: [], then: [tables.rules.put(key, placed)] });
        settle([...rest, placed]);
        return placed;
      }),
    remove: (pattern) =>
      mutex.run(async () => {
        const known = rules.find((each) => each.pattern === pattern);
        if (known === undefined) {
          throw new HansaError('SIGNAL_NOT_FOUND', `there is no rule for ${pattern}`, {
            fix: 'hansa signal rule list',
          });
        }
        const key = [keyPartOf(pattern, crypto)];
        await store.transact({ if: [], then: [tables.rules.delete(key)] });
        settle(others(pattern));
        return known;
      }),
  };
}

function lastPlace(rules: readonly PlacedRule[]): number {
  return Math.max(0, ...rules.map(({ place }) => place));
}

function requirePattern(pattern: string): void {
  const problem = patternProblem(pattern);
  if (problem !== undefined) {
    throw new HansaError('SIGNAL_ADDRESS_INVALID', `${pattern}: ${problem}`);
  }
}
