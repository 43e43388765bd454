// Coordination over real processes: holders that are killed, a node that is killed, and tokens that
// rise through all of it.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Election } from '@hansa/capabilities/elections/contract';
import type { Hold, Lock } from '@hansa/capabilities/locks/contract';
import type { Item, Pushed, QueueStatus, Settled } from '@hansa/capabilities/queues/contract';
import type { Instance } from '@hansa/capabilities/services/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { program } from './harness/place.ts';
import { endProcess, trackProcess } from './harness/processes.ts';
import { run, type Finished } from './harness/run.ts';
import { notYet, until } from './harness/until.ts';
import { followCommand } from './rooms/json-lines.ts';

let lubeck: Cluster;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
});

/** A command that lasts, as a process that can be killed. */
function start(...words: string[]): ChildProcess {
  const args = [program, '--context', lubeck.name, ...words];
  const child = spawn(process.execPath, args, {
    cwd: lubeck.home,
    env: { ...lubeck.env },
    stdio: 'ignore',
  });
  trackProcess(child);
  return child;
}

/** A command with a process and streams of its own: what it runs prints there, too. */
function alone(...words: string[]): Promise<Finished> {
  const args = [program, '--context', lubeck.name, ...words];
  return run(process.execPath, args, { cwd: lubeck.home, env: lubeck.env });
}

async function show(name: string): Promise<Lock> {
  return must<Lock>(lubeck, 'lock', 'show', name);
}

function untilHeld(name: string, by: (lock: Lock) => boolean): Promise<Lock> {
  return until(`${name} is held as expected`, async () => {
    const lock = await show(name);
    return by(lock) ? lock : notYet(lock);
  });
}

/** A shell that writes its token to a file, then waits to be ended. */
function waitingShell(file: string): string[] {
  return ['--', 'sh', '-c', `echo $HANSA_LOCK_TOKEN > ${file}; exec sleep 600`];
}

async function untilToken(file: string): Promise<number> {
  const path = join(lubeck.home, file);
  return until(`${file} has a token`, () => {
    const text = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
    return text === '' ? notYet(text) : Number(text);
  });
}

describe('a lock', () => {
  test('is held while a program runs, which finds its token, and is free after it', async () => {
    const words = [
      'lock',
      'run',
      'deploy',
      '--',
      'sh',
      '-c',
      'echo token $HANSA_LOCK_TOKEN; exit 7',
    ];
    const ran = await alone(...words);
    expect([ran.code, ran.stdout]).toEqual([7, 'token 1\n']);
    expect((await show('deploy')).holders).toEqual([]);
    const missing = await alone('lock', 'run', 'deploy', '--', 'no-such-program');
    expect(missing.code).toBe(2);
    expect((await show('deploy')).holders).toEqual([]);
  });

  test('outlives neither its holder’s process nor its token: kill -9 frees it after its time', async () => {
    const first = start('lock', 'run', 'k', '--ttl', '5s', ...waitingShell('first'));
    const firstToken = await untilToken('first');
    const busy = await lubeck.hansa('lock', 'acquire', 'k', '--wait', '0s');
    expect(busy.code).toBe(5);
    expect(busy.report()).toMatchObject({
      code: 'COORDINATION_BUSY',
      facts: { token: firstToken },
    });
    const second = start('lock', 'run', 'k', '--wait', '40s', ...waitingShell('second'));
    await untilHeld('k', ({ waiting }) => waiting.length === 1);
    await endProcess(first, 'SIGKILL');
    const secondToken = await untilToken('second');
    expect(secondToken).toBeGreaterThan(firstToken);
    const stale = await lubeck.hansa('lock', 'release', 'k', '--token', String(firstToken));
    expect(stale.report()).toMatchObject({ code: 'COORDINATION_LOST' });
    await endProcess(second, 'SIGTERM');
    await untilHeld('k', ({ holders }) => holders.length === 0);
  });

  test('stays held through kill -9 of the node, and its tokens rise', async () => {
    const holder = start('lock', 'run', 'through', '--ttl', '30s', ...waitingShell('through'));
    const token = await untilToken('through');
    await lubeck.kill();
    await lubeck.restart();
    await untilHeld('through', ({ holders }) => holders[0]?.token === token);
    const renewed = await lubeck.api<object>('POST', '/locks/renew', {
      locks: [{ name: 'through', token }],
    });
    expect(renewed).toMatchObject({ status: 200, body: { ttlSeconds: 30 } });
    await endProcess(holder, 'SIGTERM');
    const free = await untilHeld('through', ({ holders }) => holders.length === 0);
    expect(free.lastToken).toBe(token);
    const { body } = await lubeck.api<Hold>('POST', '/locks/acquire', {
      names: ['through', 'beside'],
      holder: 'http',
    });
    expect(body.locks).toEqual([
      { name: 'through', token: token + 1 },
      { name: 'beside', token: 1 },
    ]);
    await must(lubeck, 'lock', 'release', 'beside', '--token', '1');
    expect((await show('through')).holders).toEqual([]);
  });
});

describe('a queue', () => {
  test('loses nothing through kill -9 of the node, and serves again what nobody acknowledged', async () => {
    await must(lubeck, 'queue', 'create', 'mails', '--visibility', '5s');
    const pushed = await must<Pushed>(lubeck, 'queue', 'push', 'mails', 'to anna', '--id', 'one');
    expect(pushed.sequences).toEqual([1]);
    await lubeck.api('POST', '/queues/push', {
      queue: 'mails',
      items: [{ payload: 'to bob' }, { payload: 'to carl' }],
    });
    const first = await must<{ items: Item[] }>(lubeck, 'queue', 'pull', 'mails', '--limit', '2');
    expect(first.items.map(({ payload }) => payload)).toEqual(['to anna', 'to bob']);
    const done = await must<Settled>(lubeck, 'queue', 'ack', 'mails', '1.1');
    expect(done).toEqual({ settled: 1, lost: [] });
    await lubeck.kill();
    await lubeck.restart();
    const again = await lubeck.api<Pushed>('POST', '/queues/push', {
      queue: 'mails',
      items: [{ payload: 'to anna', id: 'one' }],
    });
    expect(again.body).toEqual({ sequences: [1], duplicates: 1 });
    const next = await must<{ items: Item[] }>(lubeck, 'queue', 'pull', 'mails', '--ack');
    expect(next.items.map(({ payload }) => payload)).toEqual(['to carl']);
    const late = ['queue', 'pull', 'mails', '--wait', '30s'];
    const { items } = await must<{ items: Item[] }>(lubeck, ...late);
    expect(items).toMatchObject([{ sequence: 2, attempt: 2, payload: 'to bob' }]);
    const lost = await lubeck.hansa('queue', 'ack', 'mails', '2.1');
    expect([lost.code, lost.json<Settled>()]).toEqual([5, { settled: 0, lost: [2] }]);
    await must(lubeck, 'queue', 'ack', 'mails', '2.2');
    const status = await must<QueueStatus>(lubeck, 'queue', 'show', 'mails');
    expect(status).toMatchObject({ items: 0, hidden: 0, dead: 0, last: 3 });
  });
});

describe('everything else that is shared', () => {
  test('numbers go on where they were after kill -9 of the node', async () => {
    await must(lubeck, 'counter', 'add', 'visits', '5');
    await must(lubeck, 'sequence', 'next', 'invoices', '--count', '10');
    await must(lubeck, 'limiter', 'configure', 'mails', '--rate', '1/h', '--burst', '2');
    await must(lubeck, 'limiter', 'take', 'mails', '--tokens', '2');
    await lubeck.kill();
    await lubeck.restart();
    const counted = await lubeck.hansaPlain('counter', 'subtract', 'visits', '9', '--stop-at-zero');
    expect(counted.stdout).toContain('0 (took 5)');
    expect((await lubeck.hansaPlain('sequence', 'next', 'invoices')).stdout).toBe('11\n');
    const refused = await lubeck.hansa('limiter', 'take', 'mails');
    expect([refused.code, refused.json()]).toMatchObject([6, { allowed: false }]);
  });

  test('who leads is seen by those who watch, and the next leads when the first is killed', async () => {
    const watch = followCommand<Election>(lubeck, 'election', 'watch', 'importer');
    const shell = ['--', 'sh', '-c', 'exec sleep 600'];
    const first = start('election', 'run', 'importer', '--candidate', 'a', '--ttl', '5s', ...shell);
    const leads = (candidate: string) =>
      until(`${candidate} leads`, () =>
        watch.seen.at(-1)?.leader?.candidate === candidate
          ? (watch.seen.at(-1)?.leader?.term ?? 0)
          : notYet([watch.seen, watch.said()]),
      );
    const before = await leads('a');
    const second = start(
      'election',
      'run',
      'importer',
      '--candidate',
      'b',
      '--wait',
      '1m',
      ...shell,
    );
    await endProcess(first, 'SIGKILL');
    expect(await leads('b')).toBeGreaterThan(before);
    await endProcess(second, 'SIGTERM');
    await watch.end();
  });

  test('permits, barriers and the registry work from the command line', async () => {
    const permits = ['semaphore', 'run', 'builds', '--capacity', '2'];
    const built = await alone(...permits, '--', 'sh', '-c', 'echo $HANSA_SEMAPHORE_TOKEN');
    expect([built.code, built.stdout]).toEqual([0, '1\n']);
    const enter = ['barrier', 'enter', 'release', '--parties', '2', '--wait', '30s'];
    const both = ['a', 'b'].map((who) => must(lubeck, ...enter, '--participant', who));
    expect(await Promise.all(both)).toMatchObject([{ generation: 1 }, { generation: 1 }]);
    const service = ['registry', 'run', 'billing', 'b1', '--address', 'h', '--ttl', '5s'];
    const running = start(...service, '--', 'sh', '-c', 'exec sleep 600');
    const instances = async () =>
      (await must<{ instances: Instance[] }>(lubeck, 'registry', 'discover', 'billing')).instances;
    const count = (expected: number) =>
      until(`${expected} instances are there`, async () => {
        const found = await instances();
        return found.length === expected ? found : notYet(found);
      });
    await count(1);
    await endProcess(running, 'SIGKILL');
    await count(0);
  });
});
