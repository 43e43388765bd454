// The command line as people and programs meet it: help with examples, output that parses, exit
// codes as documented, failures that say what to do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Invitation } from '@hansa/capabilities/links/contract';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { cleanEnvironment, program, temporaryFolder } from './harness/place.ts';
import { trackProcess } from './harness/processes.ts';
import { runHansa } from './harness/resident.ts';
import { run, type Finished } from './harness/run.ts';
import { until } from './harness/until.ts';

let lubeck: Cluster;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck', aloneEach: true });
  await must(lubeck, 'repo', 'create', 'hansa');
});

/** In a home of its own, where no cluster is known. */
function nowhere(...args: string[]): Promise<Finished> {
  const home = temporaryFolder('nowhere');
  return run(process.execPath, [program, ...args], { cwd: home, env: cleanEnvironment(home) });
}

// Of every command: cli/help.test.ts.
describe('help', () => {
  test.each([['kv'], ['link list'], ['cert ca rotate']])(
    'of hansa %s is on stdout, ends with 0 and needs no cluster',
    async (spelled) => {
      const { code, stdout, stderr } = await nowhere(...spelled.split(' '), '--help');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Usage: hansa ${spelled}`);
    },
  );

  test('of hansa names the exit codes', async () => {
    const { code, stdout, stderr } = await nowhere('--help');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Exit codes: 0 done');
  });
});

describe('output', () => {
  const inOneProcess = (...words: string[]): Promise<Finished> =>
    runHansa(['--context', 'lubeck', ...words], { cwd: lubeck.home, env: lubeck.env });
  const reading = [
    ['status'],
    ['status', '--config'],
    ['link', 'list'],
    ['repo', 'list'],
    ['repo', 'show', 'hansa'],
    ['share', 'list'],
    ['catalog', 'list'],
    ['mirror', 'list'],
    ['sync', 'status'],
    ['context', 'list'],
  ];

  test.each(reading.map((words) => [words.join(' '), words] as const))(
    'of hansa %s is the same as JSON and as YAML, and for people it says what comes next',
    async (_spelled, words) => {
      const json = await inOneProcess('-o', 'json', ...words);
      const yaml = await inOneProcess('-o', 'yaml', ...words);
      const plain = await inOneProcess(...words);
      expect([json.code, yaml.code, plain.code]).toEqual([0, 0, 0]);
      const shape = (value: unknown): string[] => Object.keys(value as object);
      expect(shape(parse(yaml.stdout))).toEqual(shape(json.json()));
      expect(plain.stdout).toMatch(/^next: hansa .+/m);
      expect(json.stderr + yaml.stderr + plain.stderr).toBe('');
    },
  );

  test('that nobody reads any more ends quietly', async () => {
    const child = spawn(process.execPath, [program, '--help'], {
      env: lubeck.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    trackProcess(child);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdout.destroy();
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});

test('what cannot be shown, since the disk is full, is a failure in words', async () => {
  const script = `'${process.execPath}' '${program}' --version > /dev/full`;
  const env = cleanEnvironment(temporaryFolder('full'));
  const done = await run('sh', ['-c', script], { cwd: temporaryFolder('full'), env });
  expect(done.code).toBe(6);
  expect(done.stderr).toMatch(/^error: what was to be shown was lost: .+ \[DISK_FULL\]\n$/);
});

describe('a failure', () => {
  const cases: readonly {
    readonly what: string;
    readonly words: readonly string[];
    readonly exit: number;
    readonly code: string;
  }[] = [
    { what: 'an unknown option', words: ['link', 'list', '--sail'], exit: 2, code: 'USAGE' },
    { what: 'an unknown verb', words: ['link', 'sail'], exit: 2, code: 'USAGE' },
    { what: 'an unknown noun', words: ['sail'], exit: 2, code: 'USAGE' },
    { what: 'a missing argument', words: ['repo', 'create'], exit: 2, code: 'USAGE' },
    { what: 'a missing option', words: ['share', 'add', 'hansa'], exit: 2, code: 'USAGE' },
    {
      what: 'an input outside its bounds',
      words: ['repo', 'create', '../out'],
      exit: 2,
      code: 'INPUT_INVALID',
    },
    {
      what: 'an unknown repository',
      words: ['repo', 'show', 'nobody'],
      exit: 3,
      code: 'RESOURCE_NOT_FOUND',
    },
    { what: 'an unknown link', words: ['link', 'show', 'oslo'], exit: 3, code: 'LINK_NOT_FOUND' },
    {
      what: 'an unconfirmed deletion',
      words: ['repo', 'delete', 'hansa'],
      exit: 4,
      code: 'NOT_CONFIRMED',
    },
    { what: 'a taken name', words: ['repo', 'create', 'hansa'], exit: 5, code: 'RESOURCE_EXISTS' },
  ];

  test.each(cases.map((each) => [each.what, each] as const))(
    '%s has its exit code, a sentence for people and JSON on stderr for programs',
    async (_what, { words, exit, code }) => {
      const [json, plain] = await Promise.all([
        lubeck.hansa(...words),
        lubeck.hansaPlain(...words),
      ]);
      expect([json.code, plain.code]).toEqual([exit, exit]);
      expect([json.stdout, plain.stdout]).toEqual(['', '']);
      expect(json.report().code).toBe(code);
      expect(json.report().message.length).toBeGreaterThan(10);
      expect(json.stderr.trim().split('\n')).toHaveLength(1);
      expect(plain.stderr).toMatch(/^error: .+/m);
    },
  );

  test('to find a context says where it looked and what is known', async () => {
    const none = await nowhere('-o', 'json', 'status');
    expect(none.code).toBe(3);
    expect(none.report()).toMatchObject({ code: 'CONTEXT_NOT_FOUND', fix: 'start one: hansa up' });
    const other = await lubeck.hansaPlain('--context', 'oslo', 'status');
    expect(other.code).toBe(3);
    expect(other.stderr).toContain('known: lubeck');
  });

  test('to find the node says how to start it', async () => {
    const bergen = await startCluster({ name: 'bergen', aloneEach: true });
    await bergen.kill();
    const killed = await bergen.hansa('status');
    expect(killed.code).toBe(6);
    expect(killed.report().code).toBe('NODE_UNREACHABLE');
    await bergen.restart();
    await bergen.stop();
    const stopped = await bergen.hansa('status');
    expect([stopped.code, stopped.report().code]).toEqual([6, 'NODE_UNREACHABLE']);
    expect(stopped.report().fix).toBe('start it: hansa --context bergen up');
    expect(killed.report().fix).toBe('start it: hansa --context bergen up');
  });

  test('by Ctrl-C has the exit code 130', async () => {
    const bergen = await startCluster({ name: 'bergen', aloneEach: true });
    const { token } = await must<Invitation>(bergen, 'link', 'invite');
    await bergen.kill();
    const words = [program, '--context', 'lubeck', 'link', 'accept', token];
    const child = spawn(process.execPath, words, {
      env: lubeck.env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    trackProcess(child);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await until('it has begun to dial', () => stderr.includes('dialling'));
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(130);
  });
});

describe('up and down', () => {
  test('up --detach answers when the node does, and down ends it in order', async () => {
    const visby = prepareCluster({ name: 'visby', aloneEach: true });
    onTestFinished(() => endDetached(visby.data));
    const up = await visby.hansaPlain('up', '--detach', '--name', 'visby', '--data', visby.data);
    expect([up.code, up.stderr]).toEqual([0, '']);
    const { pid } = await must<{ pid: number }>(visby, 'status');
    expect(up.stdout).toContain(String(pid));
    const down = await visby.hansa('down');
    expect(down.json<{ pid: number }>().pid).toBe(pid);
    await until('the process is gone', () => !isAlive(pid));
    expect((await visby.hansa('status')).code).toBe(6);
  });

  test('up --detach of a node that cannot start fails as it does in the foreground', async () => {
    const riga = prepareCluster({ name: 'riga', aloneEach: true });
    const port = new URL(lubeck.url).port;
    const words = ['up', '-d', '--name', 'riga', '--data', riga.data, '--api-port', port];
    const began = performance.now();
    const up = await riga.hansa(...words);
    expect([up.code, up.report().code]).toEqual([5, 'PORT_TAKEN']);
    expect(up.report()).toMatchObject({ message: expect.stringContaining(port) });
    expect(performance.now() - began).toBeLessThan(15_000); // it does not wait for what has ended
  });

  test('what was stopped is started again by its context, as the cluster it was', async () => {
    const home = temporaryFolder('again');
    const hansa = (...args: string[]): Promise<Finished> =>
      run(process.execPath, [program, ...args], { cwd: home, env: cleanEnvironment(home) });
    const node = async (name: string): Promise<{ cluster: string; pid: number }> =>
      (await hansa('-o', 'json', '--context', name, 'status')).json();
    for (const name of ['oslo', 'riga']) {
      const up = await hansa('up', '--name', name, '-d');
      expect(up.stdout).toContain(`founded cluster ${name} (`);
    }
    const homeOfBoth = join(home, '.hansa');
    const folderOf = (name: string): string => join(homeOfBoth, 'clusters', name);
    onTestFinished(() => ['oslo', 'riga'].forEach((name) => endDetached(folderOf(name))));
    const before = await node('riga');
    const log = readFileSync(join(folderOf('riga'), 'node.log'), 'utf8');
    const second = await hansa('up', '--name', 'riga', '-d');
    expect([second.code, second.stderr]).toEqual([5, expect.stringContaining('FOLDER_LOCKED')]);
    expect(readFileSync(join(folderOf('riga'), 'node.log'), 'utf8')).toBe(log);
    const down = await hansa('--context', 'riga', 'down');
    expect(down.stdout).toContain('next: hansa --context riga up');
    await until('it is gone', () => !isAlive(before.pid));
    const unknown = await hansa('--context', 'visby', 'up', '-d');
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('--name visby')]);
    const again = await hansa('--context', 'riga', 'up', '-d');
    expect([again.code, again.stderr]).toEqual([0, '']);
    expect(again.stdout).not.toContain('founded');
    expect((await node('riga')).cluster).toBe(before.cluster);
    await hansa('--context', 'riga', 'down');
    await hansa('--context', 'oslo', 'down');
  });

  test('up --detach says itself what is wrong with a flag, and makes no folder for it', async () => {
    const home = temporaryFolder('flags');
    const up = await run(process.execPath, [program, 'up', '-d', '--name', '../a b'], {
      cwd: home,
      env: cleanEnvironment(home),
    });
    expect(up.code).toBe(2);
    expect(up.stderr).toContain('CONFIG_INVALID');
    expect(existsSync(join(home, '.hansa'))).toBe(false);
  });

  test('up -vd starts one node, which does not detach again', async () => {
    const riga = prepareCluster({ name: 'riga', aloneEach: true });
    onTestFinished(() => endDetached(riga.data));
    const up = await riga.hansaPlain('up', '-vd', '--name', 'riga', '--data', riga.data);
    expect([up.code, up.stderr]).toEqual([0, '']);
    const { pid } = await must<{ pid: number }>(riga, 'status');
    expect(up.stdout).toContain(String(pid));
    await riga.hansa('down');
    await until('the process is gone', () => !isAlive(pid));
  });

  test('a context can be chosen among several, and stays chosen', async () => {
    const home = temporaryFolder('contexts');
    const env = cleanEnvironment(home);
    const hansa = (...args: string[]): Promise<Finished> =>
      run(process.execPath, [program, '-o', 'json', ...args], { cwd: home, env });
    for (const name of ['oslo', 'riga']) {
      onTestFinished(() => endDetached(join(home, name)));
      const up = await hansa('up', '--detach', '--name', name, '--data', join(home, name));
      expect([name, up.code, up.stderr]).toEqual([name, 0, '']);
    }
    expect((await hansa('status')).json()).toMatchObject({ name: 'oslo' });
    expect((await hansa('context', 'use', 'riga')).code).toBe(0);
    expect((await hansa('status')).json()).toMatchObject({ name: 'riga' });
    for (const name of ['oslo', 'riga']) {
      const { pid } = (await hansa('--context', name, 'down')).json<{ pid: number }>();
      await until(`${name} is gone`, () => !isAlive(pid));
    }
  });
});

/** A detached node is nobody's child: where its test failed, it is ended by the pid it told. */
function endDetached(data: string): void {
  const file = join(data, 'api.json');
  let told = '{}';
  try {
    told = readFileSync(file, 'utf8');
  } catch {
    return; // it has ended by itself, maybe just now
  }
  const { pid } = JSON.parse(told) as { pid?: number };
  if (pid !== undefined && isAlive(pid)) {
    process.kill(pid, 'SIGKILL');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
