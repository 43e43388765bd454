import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Git, ObjectId, Push, PushDecision } from '@hansa/capabilities/forge/git';
import { withPushRules } from '@hansa/capabilities/forge/push-rules';
import { fromHex } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StockGit } from '../../testkit/stock-git.ts';
import { createGitCli } from './index.ts';

const zero = '0'.repeat(40);
let folder: string;
let git: Git;
let ada: StockGit;
let tip: ObjectId;
let pack: Buffer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hansa: git-'));
  git = await createGitCli({ folder });
  await git.open('app');
  ada = await StockGit.create();
  await ada.run('.', 'init', '-q', 'work');
  tip = await ada.commit('work', 'a', 'one\n');
  const make = 'alias.make=!git pack-objects -q --all --stdout </dev/null | od -An -v -tx1';
  const hex = await ada.run('work', '-c', make, 'make');
  pack = Buffer.from(fromHex(hex.replace(/\s+/g, '')));
});

afterEach(async () => {
  await git.close();
  await ada.remove();
  await rm(folder, { recursive: true, force: true });
});

const accept = async (): Promise<PushDecision> => ({ accept: true });

function packet(line: string): string {
  return (line.length + 4).toString(16).padStart(4, '0') + line;
}

function request(lines: readonly string[], objects: Uint8Array = pack): Buffer {
  return Buffer.concat([Buffer.from(`${lines.map(packet).join('')}0000`), objects]);
}

function creation(ref: string, target: ObjectId = tip): string {
  return `${zero} ${target} ${ref}\0 report-status`;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function* byteByByte(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) {
    yield bytes.subarray(at, at + 1);
  }
}

async function textOf(output: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of output) {
    text += Buffer.from(piece).toString('latin1');
  }
  return text;
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('one push', () => {
  test('works when its bytes come one by one, in a folder with a colon and a space', async () => {
    const body = byteByByte(request([creation('refs/heads/main')]));
    expect(await textOf(git.receivePack('app', body, { decide: accept }))).toContain(
      'ok refs/heads/main',
    );
    expect((await git.state('app')).refs).toEqual([{ name: 'refs/heads/main', target: tip }]);
  });

  test('is decided with its objects still in quarantine', async () => {
    const counts: number[] = [];
    const decide = async (): Promise<PushDecision> => {
      counts.push((await git.countObjects('app')).objects, (await git.state('app')).refs.length);
      return { accept: true };
    };
    await textOf(git.receivePack('app', once(request([creation('refs/heads/main')])), { decide }));
    expect(counts).toEqual([0, 0]);
    expect((await git.countObjects('app')).objects).toBe(3);
  });

  test('whose pusher leaves during the decision runs to its end', async () => {
    const leaving = new AbortController();
    const decide = async (): Promise<PushDecision> => {
      leaving.abort();
      return { accept: true };
    };
    const { signal } = leaving;
    const body = once(request([creation('refs/heads/main')]));
    await textOf(git.receivePack('app', body, { decide, signal })).catch(() => undefined);
    expect((await git.state('app')).refs).toEqual([{ name: 'refs/heads/main', target: tip }]);
  });

  test('whose pusher leaves before its turn is not decided', async () => {
    const [deciding, free] = [gate(), gate()];
    const decided: string[] = [];
    const decide = async (push: Push): Promise<PushDecision> => {
      decided.push(push.changes[0]?.ref ?? '');
      deciding.open();
      await free.opened;
      return { accept: true };
    };
    const first = textOf(
      git.receivePack('app', once(request([creation('refs/heads/one')])), { decide }),
    );
    await deciding.opened;
    const leaving = new AbortController();
    const second = textOf(
      git.receivePack('app', once(request([creation('refs/heads/two')])), {
        decide,
        signal: leaving.signal,
      }),
    );
    const ended = second.then(
      () => undefined,
      (error: unknown) => error,
    );
    leaving.abort();
    free.open();
    await first;
    expect(await ended).toMatchObject({ code: 'CANCELLED' });
    expect(decided).toEqual(['refs/heads/one']);
    expect((await git.state('app')).refs).toHaveLength(1);
  });

  test('whose pusher does not read the report keeps nobody else waiting', async () => {
    const output = git.receivePack('app', once(request([creation('refs/heads/main')])), {
      decide: accept,
    });
    const reader = output[Symbol.asyncIterator]();
    await reader.next();
    await git.setState('app', { refs: [], head: 'refs/heads/main', shallow: [] });
    expect((await git.state('app')).refs).toEqual([]);
    await reader.return?.();
  });

  test('holds the refs from its decision until they have moved', async () => {
    const order: string[] = [];
    let setting: Promise<void> = Promise.resolve();
    const decide = async (): Promise<PushDecision> => {
      setting = git
        .setState('app', { refs: [], head: 'refs/heads/trunk', shallow: [] })
        .then(() => void order.push('set'));
      await git.fsck('app');
      order.push('decided');
      return { accept: true };
    };
    await textOf(git.receivePack('app', once(request([creation('refs/heads/main')])), { decide }));
    await setting;
    expect(order).toEqual(['decided', 'set']);
    expect(await git.state('app')).toEqual({ refs: [], head: 'refs/heads/trunk', shallow: [] });
  });
});

describe('a hostile push', () => {
  test.each([
    'refs/heads/../x',
    'refs/heads/a.lock',
    'HEAD',
    'refs/x',
    'refs/heads/a b',
    'refs/heads/a\nend',
  ])('to %j moves nothing and is not decided', async (ref) => {
    let asked = false;
    const decide = withPushRules(async () => {
      asked = true;
      return { accept: true };
    });
    const body = once(request([creation(ref)]));
    await textOf(git.receivePack('app', body, { decide })).catch(() => undefined);
    expect(asked).toBe(false);
    expect((await git.state('app')).refs).toEqual([]);
  });

  test('with a cut pack, a flipped byte or a missing object is not decided', async () => {
    let asked = false;
    const decide = async (): Promise<PushDecision> => {
      asked = true;
      return { accept: true };
    };
    const flipped = Buffer.from(pack);
    flipped[40] = (flipped[40] ?? 0) ^ 0x10;
    for (const bad of [pack.subarray(0, 60), flipped, Buffer.alloc(0)]) {
      const body = once(request([creation('refs/heads/main')], bad));
      const said = await textOf(git.receivePack('app', body, { decide })).catch(String);
      expect(said).toMatch(/unpack|ng|failed/);
    }
    const elsewhere = once(request([creation('refs/heads/main', 'ab'.repeat(20))]));
    expect(await textOf(git.receivePack('app', elsewhere, { decide }))).toContain(
      'ng refs/heads/main',
    );
    expect(asked).toBe(false);
    expect(await git.countObjects('app')).toMatchObject({ objects: 0 });
  });

  test('cannot cut histories that are whole here', async () => {
    await textOf(
      git.receivePack('app', once(request([creation('refs/heads/main')])), { decide: accept }),
    );
    const lines = [`shallow ${tip}`, creation('refs/heads/copy')];
    await textOf(git.receivePack('app', once(request(lines)), { decide: accept }));
    expect(await git.state('app')).toMatchObject({ shallow: [], refs: [{}, {}] });
  });

  test('that names more shallow commits than the limit is refused', async () => {
    const lines = Array.from({ length: 10_001 }, () => `shallow ${tip}`);
    const push = git.receivePack('app', once(request([...lines, creation('refs/heads/main')])), {
      decide: accept,
    });
    await expect(textOf(push)).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
  });
});
