// Where rules are kept: by their id.
import { table, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { ruleSchema, type Rule } from './contract.ts';

export function ruleTable(store: KeyValueStore, codec: Codec): Table<Rule> {
  return table({ store, codec, name: 'rule', schema: ruleSchema });
}
