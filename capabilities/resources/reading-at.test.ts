import { localId, utf8, fromUtf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createResourceBench, drop, put } from '../../testkit/resource-bench.ts';
import { collect } from '../../testkit/test-cluster.ts';
import type { EntriesAt } from './contract.ts';

const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

const shown = async (at: EntriesAt | undefined): Promise<readonly string[]> =>
  (await collect(at?.entries() ?? nothing())).map(
    ({ key, value }) => `${fromUtf8(key)}=${fromUtf8(value)}`,
  );

async function* nothing(): AsyncGenerator<never> {
  // There was none.
}

test('entries at a revision are those of one sequence, while the log goes on', async () => {
  const bench = createResourceBench();
  const log = await bench.openWith('hansa');
  const first = await log.append(hansa, [put('a', '1'), put('b', '1')], by);
  const at = await log.at(hansa);
  expect(at).toMatchObject({ epoch: 1, sequence: first.sequence });
  const second = await log.append(hansa, [put('a', '2'), drop('b')], by);
  expect(await shown(at)).toEqual(['a=1', 'b=1']);
  expect(await shown(await log.at(hansa, at?.revision))).toEqual(['a=1', 'b=1']);
  const now = await log.at(hansa);
  expect(now?.sequence).toBe(second.sequence);
  expect(await shown(now)).toEqual(['a=2']);
  await expect(now?.entry(utf8('a'))).resolves.toMatchObject({
    made: first.sequence,
    written: second.sequence,
  });
  await expect(log.entry(hansa, utf8('a'))).resolves.toMatchObject({
    made: first.sequence,
    written: second.sequence,
  });
});

test('what was not there has no entries, and what is not kept is STORE_COMPACTED', async () => {
  const bench = createResourceBench();
  const log = await bench.openWith('hansa');
  await log.append(hansa, [put('a')], by);
  const at = await log.at(hansa);
  await log.remove(hansa);
  await expect(log.at(hansa)).resolves.toBeUndefined();
  expect(await shown(await log.at(hansa, at?.revision))).toEqual(['a=a']);
  const { revision } = await bench.store.status();
  await bench.store.compact(revision);
  const gone = log.at(hansa, at?.revision);
  await expect(gone).rejects.toMatchObject({ code: 'STORE_COMPACTED' });
});
