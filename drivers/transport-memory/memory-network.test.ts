import {
  isHansaError,
  toHex,
  utf8,
  type Clock,
  type Connection,
  type FrameStream,
  type NodeId,
  type Random,
  type Transport,
} from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { transportSuite } from '../../testkit/transport.suite.ts';
import { createMemoryNetwork, type LinkTraits, type MemoryNetwork } from './index.ts';

/** Time that jumps to the next thing to happen as soon as every promise that could settle has. */
function virtualClock(): Clock {
  const sleepers = new Set<{ atMs: number; wake(): void }>();
  let nowMs = 0;
  let scheduled = false;
  const schedule = (): void => {
    if (!scheduled) {
      scheduled = true;
      setImmediate(step);
    }
  };
  const step = (): void => {
    scheduled = false;
    const [next] = [...sleepers].sort((a, b) => a.atMs - b.atMs);
    if (next !== undefined) {
      sleepers.delete(next);
      nowMs = Math.max(nowMs, next.atMs);
      next.wake();
      schedule();
    }
  };
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const wake = (): void => {
          signal?.removeEventListener('abort', leave);
          resolve();
        };
        const sleeper = { atMs: nowMs + ms, wake };
        const leave = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', leave, { once: true });
        schedule();
      }),
  };
}

function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(fraction() * 256)),
  };
}

function nodeId(number: number): NodeId {
  return number.toString(16).padStart(64, '0') as NodeId;
}

transportSuite('the memory transport', async () => {
  const clock = virtualClock();
  const network = createMemoryNetwork({ clock, random: seededRandom(1) });
  let count = 0;
  return {
    clock,
    deadAddress: 'nobody:1',
    absentNode: nodeId(0xdead),
    open: async () => {
      count += 1;
      return network.transport(nodeId(count), `node-${count}:1`);
    },
    close: async () => undefined,
  };
});

interface World {
  readonly clock: Clock;
  readonly network: MemoryNetwork;
  readonly a: Transport;
  readonly b: Transport;
}

function world(options: Partial<LinkTraits> = {}, seed = 1): World {
  const clock = virtualClock();
  const network = createMemoryNetwork({ clock, random: seededRandom(seed), options });
  const a = network.transport(nodeId(1), 'a:1');
  return { clock, network, a, b: network.transport(nodeId(2), 'b:1') };
}

const protocol = '/hansa/test/1';

async function connect({ a, b }: World): Promise<{ near: Connection; far: Connection }> {
  const arrived = new Promise<Connection>((resolve) => {
    b.accept(protocol, async (connection) => resolve(connection));
  });
  const near = await a.dial({ node: b.node, addresses: b.addresses() }, protocol);
  return { near, far: await arrived };
}

async function stream(ends: {
  near: Connection;
  far: Connection;
}): Promise<{ near: FrameStream; far: FrameStream }> {
  const near = await ends.near.openStream();
  await near.send(utf8('here'));
  const far = await ends.far.acceptStream();
  if (far === undefined) {
    throw new Error('the connection ended');
  }
  await far.receive();
  return { near, far };
}

describe('the memory network', () => {
  test('a partition holds frames back and delivers them in order once it heals', async () => {
    const here = world();
    const { near, far } = await stream(await connect(here));
    here.network.faults.partition(here.a.node, here.b.node);
    await near.send(utf8('1'));
    await near.send(utf8('2'));
    let read: Uint8Array | undefined;
    const reading = far.receive().then((frame) => (read = frame));
    await here.clock.sleep(29_000);
    expect(read).toBeUndefined();
    here.network.faults.heal(here.a.node, here.b.node);
    await reading;
    expect([read, await far.receive()]).toEqual([utf8('1'), utf8('2')]);
    await here.clock.sleep(60_000);
    await far.send(utf8('3'));
    expect(await near.receive()).toEqual(utf8('3'));
  });

  test('a partition that lasts 30 s ends the connection at both ends', async () => {
    const here = world();
    const ends = await connect(here);
    const begun = here.clock.monotonicMs();
    here.network.faults.partition(here.a.node, here.b.node);
    expect(await ends.near.closed).toEqual({ reason: 'timed out' });
    expect(await ends.far.closed).toEqual({ reason: 'timed out' });
    expect(here.clock.monotonicMs() - begun).toBe(30_000);
  });

  test('a one-way partition lets the other way through until the deaf end gives up', async () => {
    const here = world();
    const ends = await connect(here);
    const { near, far } = await stream(ends);
    const begun = here.clock.monotonicMs();
    here.network.faults.partition(here.a.node, here.b.node, { oneWay: true });
    await far.send(utf8('heard'));
    expect(await near.receive()).toEqual(utf8('heard'));
    await ends.far.closed;
    expect(here.clock.monotonicMs() - begun).toBe(30_000);
    await ends.near.closed;
    expect(here.clock.monotonicMs() - begun).toBe(60_000);
  });

  test('a dial into a partition fails at its deadline and leaves nothing behind', async () => {
    const here = world();
    let served = 0;
    here.b.accept(protocol, async (connection) => {
      served += 1;
      await connection.closed;
      served -= 1;
    });
    const dial = (): Promise<Connection> =>
      here.a.dial({ node: here.b.node, addresses: ['b:1'] }, protocol);
    here.network.faults.partition(here.a.node, here.b.node);
    await expect(dial()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    expect(here.clock.monotonicMs()).toBe(5_000);
    here.network.faults.heal(here.a.node, here.b.node, { oneWay: true });
    await expect(dial()).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    await here.clock.sleep(100);
    expect(served).toBe(0);
  });

  test('a close that is lost is noticed by silence', async () => {
    const here = world();
    const ends = await connect(here);
    here.network.faults.partition(here.a.node, here.b.node);
    ends.near.close('nobody hears this');
    here.network.faults.heal(here.a.node, here.b.node);
    here.network.faults.partition(here.a.node, here.b.node);
    expect(await ends.far.closed).toEqual({ reason: 'timed out' });
  });

  test('a crash is silent: the peer learns after 30 s, and the address is free at once', async () => {
    const here = world();
    const ends = await connect(here);
    const { near, far } = await stream(ends);
    await near.send(utf8('under way'));
    const begun = here.clock.monotonicMs();
    here.network.faults.crash(here.a.node);
    await expect(near.send(utf8('x'))).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' });
    const reading = far
      .receive()
      .catch((error: unknown) => isHansaError(error, 'CONNECTION_CLOSED'));
    const reborn = here.network.transport(here.a.node, 'a:1');
    reborn.accept(protocol, async () => undefined);
    const again = await here.b.dial({ node: reborn.node, addresses: ['a:1'] }, protocol);
    expect(again.remote).toBe(reborn.node);
    expect(await ends.far.closed).toEqual({ reason: 'timed out' });
    expect(await reading).toBe(true);
    expect(here.clock.monotonicMs() - begun).toBe(30_000);
  });

  test('an address is taken while a node listens there', async () => {
    const here = world();
    expect(() => here.network.transport(nodeId(9), 'a:1')).toThrow('another node listens');
    await here.a.close();
    expect(here.network.transport(nodeId(9), 'a:1').addresses()).toEqual(['a:1']);
  });

  test('a hostile relay changes one bit of a frame, never its length', async () => {
    const here = world();
    const { near, far } = await stream(await connect(here));
    here.network.faults.flip(here.a.node, here.b.node, 1);
    const sent = new Uint8Array(64);
    await near.send(sent);
    const arrived = (await far.receive()) ?? new Uint8Array(0);
    const bits = [...arrived].map((byte) => byte.toString(2).replaceAll('0', '').length);
    expect(arrived).toHaveLength(64);
    expect(bits.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(sent.every((byte) => byte === 0)).toBe(true);
  });

  test('a slow link takes its time, for everything that shares it', async () => {
    const here = world({ latencyMs: [10, 10] });
    const ends = await connect(here);
    const first = await stream(ends);
    const second = await stream(ends);
    here.network.faults.link(here.a.node, here.b.node, { bytesPerSecond: 1_000, oneWay: true });
    const begun = here.clock.monotonicMs();
    await first.near.send(new Uint8Array(2_000));
    await second.near.send(new Uint8Array(1_000));
    await first.far.receive();
    expect(here.clock.monotonicMs() - begun).toBe(2_010);
    await second.far.receive();
    expect(here.clock.monotonicMs() - begun).toBe(3_010);
  });

  test('links can lose connections, and turn dials away', async () => {
    const here = world();
    const ends = await connect(here);
    const { near } = await stream(ends);
    here.network.faults.link(here.a.node, here.b.node, { loseProbability: 1 });
    await near.send(utf8('x'));
    expect([await ends.near.closed, await ends.far.closed]).toEqual([
      { reason: 'lost' },
      { reason: 'lost' },
    ]);
    here.network.faults.link(here.a.node, here.b.node, { dialFailProbability: 1 });
    const dial = here.a.dial({ node: here.b.node, addresses: ['b:1'] }, protocol);
    await expect(dial).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  });

  test('cutting two nodes apart loses their connections at once, and no others', async () => {
    const here = world();
    const ends = await connect(here);
    const third = here.network.transport(nodeId(3), 'c:1');
    const other = await third.dial({ node: here.b.node, addresses: ['b:1'] }, protocol);
    here.network.faults.cut(here.a.node, here.b.node);
    expect(await ends.far.closed).toEqual({ reason: 'lost' });
    await expect(other.openStream()).resolves.toBeDefined();
  });
});

/** Several streams talk while the network misbehaves; every arrival is noted with its time. */
async function story(seed: number): Promise<readonly string[]> {
  const here = world({ latencyMs: [1, 50], flipProbability: 0.05 }, seed);
  const trace: string[] = [];
  const note = (what: string): void => {
    trace.push(`${here.clock.monotonicMs().toFixed(3)} ${what}`);
  };
  const ends = await connect(here);
  const talk = async (name: number): Promise<void> => {
    const sender = await ends.near.openStream();
    for (let i = 0; i < 40; i += 1) {
      await sender.send(Uint8Array.of(name, i));
    }
    await sender.finish();
  };
  const listen = async (receiver: FrameStream): Promise<void> => {
    for (let frame = await receiver.receive(); frame; frame = await receiver.receive()) {
      note(toHex(frame));
    }
  };
  const ended = (error: unknown): void => {
    note(isHansaError(error) ? error.message : 'unexpected');
  };
  const accept = async (): Promise<void> => {
    for (let one = await ends.far.acceptStream(); one; one = await ends.far.acceptStream()) {
      listen(one).catch(ended);
    }
  };
  accept().catch(ended);
  const talks = Array.from({ length: 8 }, (_, name) => talk(name).catch(ended));
  await here.clock.sleep(20);
  here.network.faults.partition(here.a.node, here.b.node, { oneWay: true });
  await here.clock.sleep(2_000);
  here.network.faults.heal(here.a.node, here.b.node);
  await Promise.all(talks);
  const last = await ends.near.openStream();
  here.network.faults.link(here.a.node, here.b.node, { loseProbability: 0.1 });
  while (!(await last.send(utf8('until it is lost')).catch(() => 'lost'))) {
    await here.clock.sleep(1);
  }
  note((await ends.far.closed).reason);
  return trace;
}

describe('determinism', () => {
  test('one seed is one run, and another seed is another', async () => {
    const first = await story(7);
    expect(first.length).toBeGreaterThan(100);
    expect(await story(7)).toEqual(first);
    expect(await story(8)).not.toEqual(first);
  });

  test('streams overtake each other while frames of one stream never do', async () => {
    const here = world({ latencyMs: [1, 50] });
    const ends = await connect(here);
    const order: string[] = [];
    const readers: Promise<void>[] = [];
    for (let name = 0; name < 10; name += 1) {
      const sender = await ends.near.openStream();
      for (let i = 0; i < 10; i += 1) {
        await sender.send(utf8(`${name}:${i}`));
      }
      await sender.finish();
    }
    for (let i = 0; i < 10; i += 1) {
      const receiver = await ends.far.acceptStream();
      readers.push(
        (async () => {
          let frame = await receiver?.receive();
          while (frame !== undefined) {
            order.push(new TextDecoder().decode(frame));
            frame = await receiver?.receive();
          }
        })(),
      );
    }
    await Promise.all(readers);
    expect([...order].sort()).not.toEqual(order);
    for (let name = 0; name < 10; name += 1) {
      const own = order.filter((one) => one.startsWith(`${name}:`));
      expect(own).toEqual(Array.from({ length: 10 }, (_, i) => `${name}:${i}`));
    }
  });
});
