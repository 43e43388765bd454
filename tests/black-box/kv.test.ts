// Spaces of keys and values over real processes: what is written at one cluster is seen by those
// who watch at the other, each change once, through kill -9 of either side.
import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KvChange, KvEntry, KvPage, Space, Transacted } from '@hansa/capabilities/kv/contract';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';
import { followCommand, type JsonLines } from './rooms/json-lines.ts';
import { startPair, type Pair } from './rooms/pair.ts';

let pair: Pair;

beforeAll(async () => {
  pair = await startPair();
});

async function shareSpace(name: string): Promise<ShownRule> {
  const { lubeck, bergen } = pair;
  await must<Space>(lubeck, 'kv', 'create', name);
  const rule = await must<ShownRule>(lubeck, 'share', 'add', `kv/${name}`, '--to', 'bergen');
  await must<Mirror>(bergen, 'mirror', 'add', `lubeck:kv/${name}`);
  return rule;
}

const put = (name: string, key: string, value: string) =>
  must<{ version: number; revision: number }>(pair.lubeck, 'kv', 'put', name, key, value);

function untilValue(cluster: Cluster, space: string, key: string, text: string): Promise<KvEntry> {
  const path = `/kv/entry?space=${encodeURIComponent(space)}&key=${encodeURIComponent(key)}`;
  return until(`${cluster.name} has ${key} = ${text}`, async () => {
    const { body } = await cluster.api<KvEntry>('GET', path);
    return body.text === text ? body : notYet(body);
  });
}

function words(line: string): readonly string[] {
  return line.split(' ');
}

/** Every event as one line, in the order in which it was told. */
function linesOf(watch: JsonLines<KvChange>): string[] {
  return watch.seen.flatMap(({ events }) =>
    events.map((event) =>
      event.type === 'delete' ? `-${event.key}` : `${event.key}=${event.text ?? 'bytes'}`,
    ),
  );
}

function untilTold(watch: JsonLines<KvChange>, line: string): Promise<true> {
  return until(`the watch tells ${line}`, () =>
    linesOf(watch).includes(line) ? true : notYet([linesOf(watch), watch.said()]),
  );
}

/** Of one space; resolves when it has begun. */
async function watching(cluster: Cluster, space: string): Promise<JsonLines<KvChange>> {
  const { revision } = await must<KvPage>(cluster, 'kv', 'list', space);
  return followCommand<KvChange>(cluster, 'kv', 'watch', space, '--from', String(revision));
}

describe('a space', () => {
  test('that is shared is mirrored: what is written at its owner is seen by a watch at the mirror', async () => {
    const { lubeck, bergen } = pair;
    await shareSpace('config');
    await put('config', 'port', '80');
    await untilValue(bergen, 'lubeck:config', 'port', '80');
    const watch = await watching(bergen, 'lubeck:config');
    await put('config', 'port', '8080');
    await put('config', 'host', 'lubeck');
    await must(lubeck, 'kv', 'delete', 'config', 'host');
    const done = await must<Transacted>(
      lubeck,
      ...words('kv transact config --if-version port=2 --if-absent host'),
      ...words('--put port=1 --put mode=fast'),
    );
    expect(done).toMatchObject({ succeeded: true, results: [{ put: { version: 3 } }, {}] });
    await untilTold(watch, 'mode=fast');
    expect(linesOf(watch)).toEqual(['port=8080', 'host=lubeck', '-host', 'port=1', 'mode=fast']);
    expect(watch.seen.at(-1)).toMatchObject({ revision: done.revision, events: [{}, {}] });
    await watch.end();
    const page = await must<KvPage>(bergen, 'kv', 'list', 'lubeck:config');
    expect(page.entries.map(({ key, text }) => [key, text])).toEqual([
      ['mode', 'fast'],
      ['port', '1'],
    ]);
    expect(page.revision).toBe(done.revision);
  });

  test('is written by its owner alone: at the mirror, the refusal says where and how', async () => {
    const { bergen } = pair;
    await shareSpace('closed');
    const writes = [
      ['put', 'lubeck:closed', 'a', '1'],
      ['delete', 'lubeck:closed', 'a'],
      ['transact', 'lubeck:closed', '--put', 'a=1'],
      ['remove', 'lubeck:closed', '--yes'],
    ];
    for (const each of writes) {
      const refused = await bergen.hansa('kv', ...each);
      expect(refused.code).toBe(4);
      expect(refused.report()).toMatchObject({ code: 'RESOURCE_READ_ONLY' });
    }
    const { fix } = (await bergen.hansa('kv', 'put', 'lubeck:closed', 'a', '1')).report();
    expect(fix).toContain('hansa sync push lubeck:kv/closed');
  });

  test('that is no longer shared stays as it was, and nothing later arrives', async () => {
    const { lubeck, bergen } = pair;
    const rule = await shareSpace('lent');
    await put('lent', 'a', 'before');
    await untilValue(bergen, 'lubeck:lent', 'a', 'before');
    const watch = await watching(bergen, 'lubeck:lent');
    await must(lubeck, 'share', 'remove', rule.id, '--yes');
    await untilState(bergen, 'lubeck:kv/lent', { state: 'frozen' });
    await put('lent', 'a', 'after');
    const round = await bergen.hansa('sync', 'now', 'lubeck:kv/lent');
    expect(round.code).toBe(3);
    const { text } = await must<KvEntry>(bergen, 'kv', 'get', 'lubeck:lent', 'a');
    expect(text).toBe('before');
    await must(lubeck, 'share', 'add', 'lent', '--to', 'bergen');
    await untilTold(watch, 'a=after');
    expect(linesOf(watch)).toEqual(['a=after']);
    await watch.end();
  });

  test('survives kill -9 of its owner and of its mirror: nothing acknowledged is lost', async () => {
    const { lubeck, bergen } = pair;
    await shareSpace('tough');
    const written = new Map<string, string>();
    const stop = new AbortController();
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        const [key, text] = [`key-${caller}-${n % 20}`, `${n}`];
        const answer = await lubeck
          .api('PUT', '/kv/entry', { space: 'tough', key, text })
          .catch(() => ({ status: 0 }));
        if (answer.status === 200) {
          written.set(key, text);
        } else {
          written.delete(key); // its outcome is unknown: it may stand there, or the one before
        }
      }
    });
    const enough = (count: number): Promise<true> => {
      const before = written.size;
      return until('more is written', () => written.size >= Math.min(before + count, 160) || false);
    };
    await enough(60);
    await bergen.kill();
    await bergen.restart();
    await enough(40);
    await lubeck.kill();
    stop.abort();
    await Promise.all(callers);
    await lubeck.restart();
    const pages = async (cluster: Cluster, space: string): Promise<readonly KvEntry[]> =>
      (await must<KvPage>(cluster, 'kv', 'list', space, '--limit', '1000')).entries;
    const own = new Map((await pages(lubeck, 'tough')).map(({ key, text }) => [key, text]));
    expect([...written].filter(([key, text]) => own.get(key) !== text)).toEqual([]);
    await until('the mirror has the same', async () => {
      const mirrored = await pages(bergen, 'lubeck:tough');
      return JSON.stringify(mirrored.map(({ key, text }) => [key, text])) ===
        JSON.stringify([...own])
        ? true
        : notYet(mirrored.length);
    });
  });
});

describe('values', () => {
  test('of any bytes go in from a file and come out at the mirror as they were', async () => {
    const { lubeck, bergen } = pair;
    await shareSpace('files');
    const folder = temporaryFolder('values');
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 7) % 256));
    writeFileSync(join(folder, 'in'), bytes);
    await must(lubeck, 'kv', 'put', 'files', 'cargo', '--file', join(folder, 'in'));
    await until('it arrived', async () => {
      const { code } = await bergen.hansa('kv', 'get', 'lubeck:files', 'cargo');
      return code === 0;
    });
    await must(bergen, 'kv', 'get', 'lubeck:files', 'cargo', '--file', join(folder, 'out'));
    expect(readFileSync(join(folder, 'out')).equals(bytes)).toBe(true);
    await must(lubeck, 'kv', 'put', 'files', 'short', '/wA=', '--base64');
    const { base64, text } = await must<KvEntry>(lubeck, 'kv', 'get', 'files', 'short');
    expect([base64, text]).toEqual(['/wA=', undefined]);
    const plain = await lubeck.hansaPlain('kv', 'get', 'files', 'short');
    expect(plain.stdout).toBe('base64 /wA=\n');
  });

  test('over the limit, conditions that do not hold, and what is not there: by code and exit', async () => {
    const { lubeck } = pair;
    await must(lubeck, 'kv', 'create', 'own');
    const folder = temporaryFolder('large');
    writeFileSync(join(folder, 'large'), Buffer.alloc(500_000, 'x'));
    const file = join(folder, 'large');
    const answers = await Promise.all([
      lubeck.hansa('kv', 'put', 'own', 'large', '--file', file),
      lubeck.hansa('kv', 'put', 'own', 'a', '1', '--if-version', '4'),
      lubeck.hansa('kv', 'get', 'own', 'nothing'),
      lubeck.hansa('kv', 'put', 'nowhere', 'a', '1'),
      lubeck.hansa('kv', 'remove', 'own'),
    ]);
    expect(answers.map((each) => [each.code, each.report().code])).toEqual([
      [2, 'INPUT_TOO_LARGE'],
      [5, 'CONFLICT'],
      [3, 'ENTRY_NOT_FOUND'],
      [3, 'RESOURCE_NOT_FOUND'],
      [4, 'NOT_CONFIRMED'],
    ]);
    expect(answers[0]?.report().fix).toContain('blobs');
    expect(answers[3]?.report().fix).toContain('hansa kv create nowhere');
    await must(lubeck, 'kv', 'remove', 'own', '--yes');
  });
});
