// Streams over real processes: kill -9 of either side loses nothing that was acknowledged, leaves
// no hole and brings nothing twice; a consumer of a mirror goes on where it stopped.
import { spawn } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Appended, Message, MessagePage, Stream } from '@hansa/capabilities/stream/contract';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { program } from './harness/place.ts';
import { endProcess, trackProcess } from './harness/processes.ts';
import { run } from './harness/run.ts';
import { notYet, until } from './harness/until.ts';
import { startPair, type Pair } from './rooms/pair.ts';

describe('streams', () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair();
  });

  const show = async (cluster: Cluster, stream: string): Promise<Stream> => {
    const path = `/streams/show?stream=${encodeURIComponent(stream)}`;
    return (await cluster.api<Stream>('GET', path)).body;
  };
  const readAll = async (cluster: Cluster, stream: string): Promise<readonly Message[]> => {
    const all: Message[] = [];
    for (let from = 1; ;) {
      const path = `/streams/messages?stream=${encodeURIComponent(stream)}&limit=1000&from=${from}`;
      const { body } = await cluster.api<MessagePage>('GET', path);
      all.push(...body.messages);
      if (body.next > body.last) {
        return all;
      }
      from = body.next;
    }
  };
  const untilLast = (cluster: Cluster, stream: string, last: number): Promise<Stream> =>
    until(
      `${cluster.name} has message ${last} of ${stream}`,
      async () => {
        const shown = await show(cluster, stream);
        return shown.last >= last ? shown : notYet(shown);
      },
      40_000,
    );
  async function share(name: string): Promise<void> {
    const { lubeck, bergen } = pair;
    await must(lubeck, 'stream', 'create', name);
    await must(lubeck, 'share', 'add', name, '--to', 'bergen');
    await must(bergen, 'mirror', 'add', `lubeck:stream/${name}`);
  }

  test(
    'kill -9 of the mirror, then of the owner, leaves every acknowledged message once and in order',
    { timeout: 60_000 },
    async () => {
      const { lubeck, bergen } = pair;
      await share('orders');
      const stop = new AbortController();
      const acknowledged = new Map<number, string>();
      const appending = Array.from({ length: 8 }, (_, caller) =>
        appendUntil(lubeck, { caller, acknowledged, signal: stop.signal }),
      );
      for (let round = 0; round < 3; round += 1) {
        await untilLast(bergen, 'lubeck:orders', (round + 1) * 200);
        await bergen.kill();
        await bergen.restart();
      }
      await lubeck.kill();
      await lubeck.restart();
      const before = (await show(lubeck, 'orders')).last;
      await untilLast(lubeck, 'orders', before + 100);
      stop.abort();
      await Promise.all(appending);

      const own = await readAll(lubeck, 'orders');
      expect(own.map(({ sequence }) => sequence)).toEqual(own.map((_, at) => at + 1));
      expect(new Set(own.map(({ payload }) => payload)).size).toBe(own.length);
      const lost = [...acknowledged].filter(([at, payload]) => own[at - 1]?.payload !== payload);
      expect(lost).toEqual([]);
      await untilLast(bergen, 'lubeck:orders', own.length);
      expect(await readAll(bergen, 'lubeck:orders')).toEqual(own);
    },
  );

  test(
    'lines go in by the command line, and come out at the mirror as JSON lines, acknowledged',
    { timeout: 60_000 },
    async () => {
      const { lubeck, bergen } = pair;
      await share('letters');
      const lines = Array.from({ length: 100 }, (_, at) => `letter ${at + 1}`);
      const words = ['--context', 'lubeck', 'stream', 'append', 'letters', '--lines'];
      const input = `${lines.join('\n')}\n`;
      const { home: cwd, env } = lubeck;
      const done = await run(process.execPath, [program, ...words], { cwd, env, input });
      expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('Appended 100') });
      await untilLast(bergen, 'lubeck:letters', 100);

      const follower = follow(bergen, 'lubeck:letters', '--consumer', 'clerk', '--ack');
      await until('all are shown', () => Promise.resolve(follower.seen.length >= 100 || undefined));
      await must<Appended>(lubeck, 'stream', 'append', 'letters', 'one more', '--id', 'last');
      await must<Appended>(lubeck, 'stream', 'append', 'letters', 'one more', '--id', 'last');
      await until('it follows', () => Promise.resolve(follower.seen.length >= 101 || undefined));
      expect(follower.seen.map(({ payload }) => payload)).toEqual([...lines, 'one more']);
      await until('it is acknowledged', async () => {
        const { consumers } = await must<{ consumers: { acked: number }[] }>(
          bergen,
          'stream',
          'info',
          'lubeck:letters',
        );
        return consumers[0]?.acked === 101 || notYet(consumers);
      });
      await follower.end();

      await bergen.kill();
      await bergen.restart();
      await must(lubeck, 'stream', 'append', 'letters', 'after the night');
      await untilLast(bergen, 'lubeck:letters', 102);
      const consume = ['stream', 'consume', 'lubeck:letters', '--consumer', 'clerk'];
      const { messages } = await must<MessagePage>(bergen, ...consume);
      expect(messages.map(({ payload }) => payload)).toEqual(['after the night']);

      const refused = await bergen.hansa('stream', 'append', 'lubeck:letters', 'x');
      expect(refused.report().code).toBe('RESOURCE_READ_ONLY');
      expect((await lubeck.hansa('stream', 'delete', 'letters')).report().code).toBe(
        'NOT_CONFIRMED',
      );
      await must(lubeck, 'stream', 'delete', 'letters', '--yes');
    },
  );
});

/** Appends with an id of its own each time, again where the answer did not come. */
async function appendUntil(
  cluster: Cluster,
  given: {
    readonly caller: number;
    readonly acknowledged: Map<number, string>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { caller, acknowledged, signal } = given;
  for (let at = 0; !signal.aborted; at += 1) {
    const payload = `caller ${caller} message ${at}`;
    const messages = [{ payload, id: `${caller}-${at}` }];
    for (;;) {
      const answer = await cluster
        .api<Appended>('POST', '/streams/append', { stream: 'orders', messages })
        .catch(() => undefined);
      if (answer?.status === 200) {
        acknowledged.set(answer.body.sequences[0] ?? 0, payload);
        break;
      }
      await until('the owner answers', async () => {
        const up = await fetch(`${cluster.url}/health`).catch(() => undefined);
        return up?.ok === true || undefined;
      });
    }
  }
}

interface Follower {
  readonly seen: Message[];
  end(): Promise<void>;
}

/** `hansa -o json stream consume --follow` as a process; each line of it is one message. */
function follow(cluster: Cluster, stream: string, ...more: string[]): Follower {
  const words = ['--context', cluster.name, '-o', 'json', 'stream', 'consume', stream, '--follow'];
  const child = spawn(process.execPath, [program, ...words, ...more], {
    cwd: cluster.home,
    env: cluster.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  trackProcess(child);
  const seen: Message[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    seen.push(...lines.map((line) => JSON.parse(line) as Message));
  });
  return { seen, end: () => endProcess(child, 'SIGINT') };
}
