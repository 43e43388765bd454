// Signals over links, over real processes: what is set at one cluster is seen at others by way of
// those between them, written where its owner lets it be, and by nobody whom policy leaves out.
import type { Namespace } from '@hansa/capabilities/namespaces/contract';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import type {
  ShownParam,
  ShownValue,
  SignalNews,
  SignalPeer,
} from '@hansa/capabilities/signals/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/answer.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { notYet, until } from './harness/until.ts';
import { followCommand } from './rooms/json-lines.ts';

let visby: Cluster;
let lubeck: Cluster;
let bergen: Cluster;

beforeAll(async () => {
  const start = (name: string): Promise<Cluster> => startCluster({ name });
  [visby, lubeck, bergen] = await Promise.all([start('visby'), start('lubeck'), start('bergen')]);
  await linkClusters(lubeck, visby);
  await linkClusters(lubeck, bergen);
  await must<Namespace>(visby, 'namespace', 'add', 'visby', '/visby/**');
  await must(visby, 'share', 'add', 'namespace/visby', '--to', 'lubeck', ...bothWays);
  await must(lubeck, 'namespace', 'add', 'visby', '/visby/**', '--of', 'visby');
});

const bothWays = ['--direction', 'bidirectional'];

function set(cluster: Cluster, address: string, value: ShownValue): Promise<Answer<ErrorBody>> {
  return cluster.api('POST', '/signals/param', { address, value });
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
}

async function mustSet(cluster: Cluster, address: string, value: ShownValue): Promise<void> {
  const { status, text } = await set(cluster, address, value);
  expect({ status, text }).toMatchObject({ status: 200 });
}

async function valueAt(cluster: Cluster, address: string): Promise<ShownValue | undefined> {
  const path = `/signals/param?address=${encodeURIComponent(address)}`;
  const { status, body } = await cluster.api<ShownParam>('GET', path);
  return status === 200 ? body.value : undefined;
}

function untilValue(cluster: Cluster, address: string, value: ShownValue): Promise<true> {
  return until(`${cluster.name} has ${address} = ${JSON.stringify(value)}`, async () => {
    const seen = await valueAt(cluster, address);
    return seen === value ? true : notYet(seen ?? 'nothing');
  });
}

async function peerOf(cluster: Cluster, name: string): Promise<SignalPeer | undefined> {
  const { body } = await cluster.api<{ peers: SignalPeer[] }>('GET', '/signals/peers');
  return body.peers.find((peer) => peer.name === name);
}

function untilActive(cluster: Cluster, name: string): Promise<SignalPeer> {
  return until(`${cluster.name} carries signals to ${name}`, async () => {
    const peer = await peerOf(cluster, name);
    return peer?.state === 'active' ? peer : notYet(peer);
  });
}

const shareWithBergen = (...flags: string[]): Promise<ShownRule> =>
  must<ShownRule>(lubeck, 'share', 'add', 'namespace/visby', '--to', 'bergen', ...flags);

describe('a leaf behind a hub', () => {
  test('is told what another leaf sets, before and after it has come', async () => {
    await mustSet(visby, '/visby/light', 0.25);
    await untilValue(lubeck, '/visby/light', 0.25);
    await shareWithBergen();
    await must(bergen, 'mirror', 'add', 'lubeck:namespace/visby');
    await untilValue(bergen, '/visby/light', 0.25);
    await mustSet(visby, '/visby/light', 0.5);
    await untilValue(bergen, '/visby/light', 0.5);
    expect(await untilActive(bergen, 'lubeck')).toMatchObject({ owns: [], reads: [] });
  });

  test('hears events while it watches', async () => {
    const watch = followCommand<SignalNews>(bergen, 'signal', 'watch', '/visby/**');
    await until('the watch has begun', () => watch.seen.length > 0 || notYet(watch.said()));
    await must(visby, 'signal', 'emit', '/visby/cue', '7');
    await until(
      'the cue is heard',
      () =>
        watch.seen.some(({ kind, address, value }) =>
          kind === 'event' && address === '/visby/cue' && value === 7 ? true : false,
        ) || notYet([watch.seen, watch.said()]),
    );
    await watch.end();
  });

  test('hears of nothing that no namespace speaks of', async () => {
    await mustSet(visby, '/secret/light', 1);
    await mustSet(visby, '/visby/marker', 1);
    await untilValue(bergen, '/visby/marker', 1);
    expect(await valueAt(lubeck, '/secret/light')).toBeUndefined();
    expect(await valueAt(bergen, '/secret/light')).toBeUndefined();
  });

  test('does not write where it may only read', async () => {
    const { status, body } = await set(bergen, '/visby/light', 0.9);
    expect({ status, body }).toMatchObject({ status: 403, body: { code: 'SIGNAL_FORBIDDEN' } });
    await mustSet(visby, '/visby/marker', 2);
    await untilValue(bergen, '/visby/marker', 2);
    expect(await valueAt(visby, '/visby/light')).toBe(0.5);
    expect(await valueAt(bergen, '/visby/light')).toBe(0.5);
  });

  test('writes at the owner where both policies on the way let it', async () => {
    const rule = await shareWithBergen('--allow', 'push');
    await until('bergen may write', async () => {
      const { status, text } = await set(bergen, '/visby/light', 0.75);
      return status === 200 ? true : notYet(text);
    });
    await untilValue(visby, '/visby/light', 0.75);
    await untilValue(lubeck, '/visby/light', 0.75);
    await must(lubeck, 'share', 'remove', rule.id, '--yes');
    const { body } = await set(bergen, '/visby/light', 0.1);
    expect(body).toMatchObject({ code: 'SIGNAL_OWNER_AWAY' });
    expect(await valueAt(visby, '/visby/light')).toBe(0.75);
  });
});

describe('what is decided otherwise', () => {
  test('holds at once: nothing is told after the answer, and all of it when it is shared again', async () => {
    const { rules } = await must<{ rules: readonly ShownRule[] }>(lubeck, 'share', 'list');
    const [rule] = rules.filter(({ peerName }) => peerName === 'bergen');
    await must(lubeck, 'share', 'remove', rule?.id ?? '', '--yes');
    await mustSet(visby, '/visby/light', 0.3);
    await untilValue(lubeck, '/visby/light', 0.3);
    await untilActive(bergen, 'lubeck');
    expect(await valueAt(bergen, '/visby/light')).toBe(0.75);
    await shareWithBergen(...bothWays);
    await untilValue(bergen, '/visby/light', 0.3);
  });

  test('of a blocked cluster nothing is taken, and it is told nothing, until it is let in again', async () => {
    await must(lubeck, 'trust', 'set', 'bergen', 'blocked', '--yes');
    await mustSet(visby, '/visby/light', 0.35);
    await untilValue(lubeck, '/visby/light', 0.35);
    const { body } = await set(bergen, '/visby/light', 1);
    expect(body).toMatchObject({ code: 'SIGNAL_OWNER_AWAY' });
    expect(await valueAt(bergen, '/visby/light')).toBe(0.3);
    await must(lubeck, 'trust', 'set', 'bergen', 'public', '--yes');
    await untilValue(bergen, '/visby/light', 0.35);
  });
});

describe('a hub that is away', () => {
  test('leaves leafs that refuse what they cannot judge, and all agree when it is back', async () => {
    await lubeck.stop();
    await mustSet(visby, '/visby/light', 0.4);
    await until('bergen knows that the way is gone', async () => {
      const { body } = await set(bergen, '/visby/light', 1);
      return body.code === 'SIGNAL_OWNER_AWAY' ? true : notYet(body);
    });
    await lubeck.restart();
    await untilValue(bergen, '/visby/light', 0.4);
    await until('bergen may write again', async () => {
      const { status, text } = await set(bergen, '/visby/light', 0.45);
      return status === 200 ? true : notYet(text);
    });
    await untilValue(visby, '/visby/light', 0.45);
    await lubeck.kill();
    await mustSet(visby, '/visby/light', 0.5);
    await lubeck.restart();
    await untilValue(bergen, '/visby/light', 0.5);
  });
});

describe('three clusters in a ring', () => {
  test('tell each change once, and write each at its owner', async () => {
    await linkClusters(visby, bergen);
    await must(visby, 'share', 'add', 'namespace/visby', '--to', 'bergen', ...bothWays);
    await untilActive(bergen, 'visby');
    await must(bergen, 'namespace', 'add', 'bergen', '/bergen/**');
    await Promise.all(
      [lubeck, visby].map(async (cluster) => {
        await must(bergen, 'share', 'add', 'namespace/bergen', '--to', cluster.name, ...bothWays);
        await must(cluster, 'mirror', 'add', 'bergen:namespace/bergen');
      }),
    );
    await mustSet(bergen, '/bergen/light', 1);
    await Promise.all([lubeck, visby].map((one) => untilValue(one, '/bergen/light', 1)));
    const watch = followCommand<SignalNews>(visby, 'signal', 'watch', '/bergen/**');
    const told = (): unknown[] => watch.seen.map(({ value }) => value);
    const untilTold = (value: number): Promise<true> =>
      until(`${value} is told`, () =>
        told().includes(value) ? true : notYet([told(), watch.said()]),
      );
    await untilTold(1);
    await mustSet(visby, '/bergen/light', 2);
    await Promise.all([lubeck, visby, bergen].map((one) => untilValue(one, '/bergen/light', 2)));
    await mustSet(lubeck, '/bergen/light', 3);
    await untilTold(3);
    expect(told()).toEqual([1, 2, 3]);
    await watch.end();
  });

  test('without a link between two of them, what they may have comes by the third', async () => {
    await must(bergen, 'link', 'close', 'visby', '--yes');
    await mustSet(visby, '/visby/light', 0.65);
    await untilValue(bergen, '/visby/light', 0.65);
    expect(await peerOf(bergen, 'visby')).toBeUndefined();
  });
});
