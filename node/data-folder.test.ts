import { mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from './config.ts';
import { dataFolderProblem, makeDataFolder } from './data-folder.ts';

async function place(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'hansa-data-')));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

test('a data folder is made with what it lies in, for this user alone', async () => {
  const path = join(await place(), 'a', 'b');
  await Promise.all([makeDataFolder(path), makeDataFolder(path)]);
  await makeDataFolder(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

test('a file is no data folder, and nothing lies below one', async () => {
  const file = join(await place(), 'a-file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'below', 'it')]) {
    await expect(makeDataFolder(path)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        `${path} cannot be a data folder: ` + 'it, or what it lies in, is a file and not a folder',
      fix: expect.stringContaining('--data'),
    });
    await expect(readConfig({ data: path, flags: {}, environment: {} })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('is a file and not a folder'),
      fix: expect.stringContaining('--data'),
    });
  }
});

test.runIf(process.platform === 'linux')(
  'where the system makes no folders the start fails, and does not try for ever',
  async () => {
    await expect(makeDataFolder('/proc/nope/below')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  },
);

test('a folder of somebody else is named with what is missing', () => {
  const refused = Object.assign(new Error('permission denied'), { code: 'EACCES' });
  expect(dataFolderProblem('/data', refused)).toMatchObject({
    code: 'CONFIG_INVALID',
    message: '/data cannot be a data folder: this user may not read and write there',
  });
});

test('a cluster that was started before keeps its name unless it is told another', async () => {
  const given = { data: '/nowhere', environment: {}, knownAs: 'bergen' };
  expect(await readConfig({ ...given, flags: {} })).toMatchObject({ name: 'bergen' });
  expect(await readConfig({ ...given, flags: { name: 'oslo' } })).toMatchObject({ name: 'oslo' });
});
