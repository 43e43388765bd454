// Exported audits: every record, head, anchor and countersignature of the vectors, and every way of
// changing them; and files of lines.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyFiles } from './files.ts';
import {
  check,
  expectEverySpoilingFound,
  nowMs,
  refusals,
  vectors,
  type Json,
} from './samples.suite.ts';

const audit = vectors('audit');
const { cluster } = audit;

function without({ bytes: _bytes, ...rest }: Json): Json {
  return structuredClone(rest);
}

const title = { kind: 'audit', format: 'hansa/evidence/1', cluster, name: 'lubeck' };
const head = { kind: 'audit-head', ...without(audit.head) };
const anchor = { kind: 'audit-anchor', ...without(audit.anchor) };
const signed = { kind: 'audit-countersignature', ...without(audit.countersignature) };
const records: Json[] = audit.records.map((record: Json) => ({
  kind: 'audit-record',
  cluster,
  ...without(record),
}));
const whole = [title, head, signed, ...records];

describe('an audit', () => {
  test('of the vectors verifies, whole and from its anchor on', () => {
    const report = check(whole);
    expect(refusals(report)).toEqual([]);
    expect(report.verdicts.find(({ kind }) => kind === 'audit-record')?.sentence).toMatch(
      /3 record\(s\), from 1 to 3, .* countersigned by 8139770e/,
    );
    const pruned = check([title, anchor, head, signed, ...records.slice(1)]);
    expect(refusals(pruned)).toEqual([]);
  });

  test('in which anything at all was changed does not', () => {
    for (const at of [3, 4, 5]) {
      expectEverySpoilingFound(whole, at);
    }
    // What is not signed and does not matter: the name that the file gives itself.
    expectEverySpoilingFound([title, head, ...records], 1);
    expectEverySpoilingFound([title, signed, ...records], 1);
    expectEverySpoilingFound([title, anchor, head, ...records.slice(1)], 1);
  });

  test.each<[string, readonly Json[], RegExp]>([
    [
      'a record is missing',
      [title, head, records[0], records[2]],
      /record 2 is missing: 3 follows/,
    ],
    [
      'two records changed places',
      [title, head, records[1], records[0], records[2]],
      /1 is missing/,
    ],
    ['a record is there twice', [title, head, records[0], ...records], /out of order/],
    ['its end is missing', [title, head, records[0]], /records 2 to 3 are missing at the end/],
    ['its beginning is missing', [title, head, ...records.slice(1)], /record 1 is missing/],
    ['there are heads and no records', [title, head, signed], /no chain of records/],
    ['nobody signed its end', [title, ...records], /no verified head/],
    ['only what was before it is signed', [title, anchor, ...records.slice(1)], /no verified head/],
  ])('does not verify where %s', (_what, items, sentence) => {
    expect(refusals(check(items)).join('\n')).toMatch(sentence);
  });

  test('two heads of one place that differ are two audits', () => {
    const other = { ...head, hash: 'ab'.repeat(32) };
    expect(refusals(check([head, other]))[0]).toMatch(/not signed/);
    const second = { ...audit.records[1] };
    const late = { ...records[2], previous: second.hash, principal: 'user:mallory' };
    expect(refusals(check([title, head, records[0], records[1], late]))[0]).toMatch(
      /record 3 was changed/,
    );
  });
});

describe('a file of lines', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-audit-lines-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const lines = whole.map((item) => JSON.stringify(item));
  const verify = async (text: string): Promise<Json> => {
    const file = join(folder, 'audit.jsonl');
    writeFileSync(file, text);
    return verifyFiles([file], { atMs: nowMs });
  };

  test('is evidence of one item per line', async () => {
    await expect(verify(`${lines.join('\n')}\n`)).resolves.toMatchObject({ exit: 0 });
  });

  test('that was cut within a line is named by that line', async () => {
    const { exit, unread } = await verify(lines.join('\n').slice(0, -10));
    expect(exit).toBe(2);
    expect(unread[0].sentence).toMatch(/line 6 is no JSON: the file was cut off/);
  });

  test('whose first line is gone is no evidence', async () => {
    await expect(verify(lines.slice(1).join('\n'))).resolves.toMatchObject({ exit: 7 });
    await expect(verify('nothing\nat all\n')).resolves.toMatchObject({ exit: 2 });
  });
});
