import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { forgetContext, rememberContext, useContext, type Home } from './contexts.ts';
import { chooseCluster } from './up-target.ts';

let home: Home;

beforeEach(async () => {
  home = (await realpath(await mkdtemp(join(tmpdir(), 'hansa-up-')))) as Home;
  onTestFinished(() => rm(home, { recursive: true }));
});

async function known(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await rememberContext(home, { name, data: `/data/${name}` });
  }
}

describe('hansa up', () => {
  test('without any cluster founds the first one', async () => {
    const first = { data: join(home, 'clusters', 'hansa'), knownAs: undefined };
    expect(await chooseCluster(home, {})).toEqual(first);
  });

  test('without a flag starts the cluster that commands go to', async () => {
    await known('lubeck', 'bergen');
    await useContext(home, 'bergen');
    expect(await chooseCluster(home, {})).toEqual({ data: '/data/bergen', knownAs: 'bergen' });
  });

  test('founds nothing where several are known and none is chosen', async () => {
    await known('lubeck', 'bergen', 'visby');
    await forgetContext(home, 'lubeck');
    await expect(chooseCluster(home, {})).rejects.toMatchObject({
      code: 'CONTEXT_NOT_FOUND',
      fix: expect.stringContaining('hansa context use'),
    });
  });

  test('with --context starts that cluster, where its data is', async () => {
    await known('lubeck', 'bergen');
    const bergen = { data: '/data/bergen', knownAs: 'bergen' };
    expect(await chooseCluster(home, { context: 'bergen' })).toEqual(bergen);
    const both = { context: 'bergen', data: '/data/bergen' };
    expect(await chooseCluster(home, both)).toEqual(bergen);
  });

  test('with a --context that nobody knows says how to found one', async () => {
    await known('lubeck');
    for (const context of ['oslo', 'constructor']) {
      await expect(chooseCluster(home, { context })).rejects.toMatchObject({
        code: 'CONTEXT_NOT_FOUND',
        fix: `to found a cluster of that name: hansa up --name ${context}`,
      });
    }
  });

  test('with --name starts the cluster of that name, and founds it where there is none', async () => {
    await known('lubeck');
    expect(await chooseCluster(home, { name: 'lubeck' })).toMatchObject({ data: '/data/lubeck' });
    expect(await chooseCluster(home, { name: 'oslo', context: 'oslo' })).toEqual({
      data: join(home, 'clusters', 'oslo'),
      knownAs: undefined,
    });
  });

  test('with --data starts what is there, by the name it has here', async () => {
    await known('lubeck');
    const lubeck = { data: '/data/lubeck', knownAs: 'lubeck' };
    expect(await chooseCluster(home, { data: '/data/lubeck' })).toEqual(lubeck);
    const other = { data: '/data/other', knownAs: undefined };
    expect(await chooseCluster(home, { data: '/data/other' })).toEqual(other);
  });

  test('refuses flags that mean two clusters', async () => {
    await known('lubeck', 'bergen');
    const two = [
      { context: 'lubeck', name: 'bergen' },
      { context: 'lubeck', data: '/data/bergen' },
    ];
    for (const wanted of two) {
      await expect(chooseCluster(home, wanted)).rejects.toMatchObject({ code: 'USAGE' });
    }
  });
});
