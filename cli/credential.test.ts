// git's helper is asked as git asks it, through the program's own entry: a process with stdin and
// stdout.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { bundleScript } from '../testkit/bundle.ts';
import { rememberContext, type Home } from './contexts.ts';

const program = await bundleScript(`import { main } from '../cli/main.ts';
process.exitCode = await main(process.argv.slice(2));`);
afterAll(() => program.remove());

async function knownCluster(): Promise<{ home: string; socketPath: string }> {
  const home = await mkdtemp(join(tmpdir(), 'hansa-git-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const data = join(home, 'c');
  await mkdir(data);
  await rememberContext(home as Home, { name: 'c', data });
  const socketPath = join(data, 'api.sock');
  const api = { url: 'http://127.0.0.1:4870', socketPath, pid: process.pid };
  await writeFile(join(data, 'api.json'), JSON.stringify(api));
  await writeFile(join(data, 'owner.token'), 'the-token\n');
  return { home, socketPath };
}

async function listening(socketPath: string): Promise<void> {
  const server = createServer().listen(socketPath);
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
}

function hansa(
  home: string,
  args: readonly string[],
  input: string,
): Promise<{ exit: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [program.path, ...args], {
    env: { ...process.env, HANSA_HOME: home },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part) => (out += String(part)));
  child.stderr.on('data', (part) => (err += String(part)));
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (exit) => resolve({ exit, out, err })));
}

const question = (host: string, protocol = 'http'): string =>
  `protocol=${protocol}\nhost=${host}\npath=git/r.git\n\n`;

test('git gets the owner token for a known cluster’s address, and nothing for others', async () => {
  const { home, socketPath } = await knownCluster();
  await listening(socketPath);
  const get = (asked: string) => hansa(home, ['credential', 'get'], asked);
  expect(await get(question('127.0.0.1:4870'))).toMatchObject({
    exit: 0,
    out: 'username=hansa\npassword=the-token\n',
  });
  expect(await get(question('127.0.0.1:4871'))).toMatchObject({ exit: 0, out: '' });
  expect(await get(question('127.0.0.1:4870', 'https'))).toMatchObject({ exit: 0, out: '' });
});

test('git is given no token for a node that is dead: another may have its port', async () => {
  const { home, socketPath } = await knownCluster();
  await writeFile(socketPath, ''); // what a crash leaves is a name that nobody answers at
  const answer = await hansa(home, ['credential', 'get'], question('127.0.0.1:4870'));
  expect(answer).toMatchObject({ exit: 0, out: '' });
});

test('what git wants stored or erased is left alone', async () => {
  const { home, socketPath } = await knownCluster();
  await listening(socketPath);
  for (const operation of ['store', 'erase']) {
    const answer = await hansa(home, ['credential', operation], question('127.0.0.1:4870'));
    expect(answer).toMatchObject({ exit: 0, out: '' });
  }
});

test('a mistyped command is USAGE with a suggestion, for people and for programs', async () => {
  const { home } = await knownCluster();
  const told = await hansa(home, ['lnk', 'list'], '');
  expect(told).toEqual({
    exit: 2,
    out: '',
    err: "error: unknown command 'lnk' [USAGE]\nfix: did you mean link?\n",
  });
  const asJson = await hansa(home, ['-o', 'json', 'link', 'lst'], '');
  expect(JSON.parse(asJson.err)).toMatchObject({ code: 'USAGE', fix: 'did you mean list?' });
});

test('the credential helper is not listed, and help says what exit codes mean', async () => {
  const { home } = await knownCluster();
  const { exit, out } = await hansa(home, ['--help'], '');
  expect(exit).toBe(0);
  expect(out).toContain('Exit codes:');
  expect(out).not.toContain('credential');
});
