// Where rules are kept, by their id, and how much of their budgets is used.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import { storedRuleSchema, type StoredRule } from './rule.ts';

/** Which set of rules holds: changed with every change of rules, which so are one after another. */
export interface RuleSet {
  readonly current: string;
  /** A set that is being written; every other one is left over. */
  readonly staging?: string | undefined;
  readonly changes: number;
}

/** How much of a rule's budget one counted peer has taken, to be spent. */
export interface BudgetRecord {
  readonly windowStartMs: number;
  readonly takenBytes: number;
}

const ruleSet: z.ZodType<RuleSet> = z.strictObject({
  current: z.string(),
  staging: z.string().optional(),
  changes: z.number(),
});
const budgetRecord: z.ZodType<BudgetRecord> = z.object({
  windowStartMs: z.number(),
  takenBytes: z.number(),
});

/** One table, so that whoever watches it sees rules and the set that holds in one order. */
export function ruleTable(store: KeyValueStore, codec: Codec): Table<StoredRule | RuleSet> {
  return table({ store, codec, name: 'rule', schema: z.union([storedRuleSchema, ruleSet]) });
}

/** By rule and counted peer. */
export function budgetTable(store: KeyValueStore, codec: Codec): Table<BudgetRecord> {
  return table({ store, codec, name: 'budget', schema: budgetRecord });
}
