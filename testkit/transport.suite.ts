// What every transport must do, whatever carries the bytes. The fixture's clock may be virtual,
// so the tests wait on the transport and on that clock, on nothing else.
import {
  dialTimeoutMs,
  equalBytes,
  frameBytesMax,
  isHansaError,
  utf8,
  type Connection,
  type Transport,
} from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  addressOf,
  connect,
  echo,
  openPair,
  outcome,
  pairOn,
  patterned,
  present,
  protocol,
  readAll,
  type Nodes,
  type TransportFixture,
} from './transport-nodes.ts';

const blockedAfterMs = 500; // a local send that takes longer waits for its reader
const unreadBytesMax: number = 4 * 1_024 * 1_024; // queues of both ends, a window between, room
const dialGraceMs = 1_500;

export function transportSuite(title: string, make: () => Promise<TransportFixture>): void {
  describe(title, () => {
    let fixture: TransportFixture;
    let near: Transport;
    let far: Transport;
    beforeEach(async () => {
      fixture = await make();
      near = await fixture.open();
      far = await fixture.open();
    });
    afterEach(async () => {
      await near.close();
      await far.close();
      await fixture.close();
    });
    const current = (): Nodes => ({ fixture, near, far });
    framesArrive(current);
    streamsEnd(current);
    dialsAreProven(current);
    connectionsEnd(current);
  });
}

function framesArrive(nodes: () => Nodes): void {
  test('a frame comes back from an echo as it was sent, the empty frame too', async () => {
    const { near, far } = await openPair(nodes());
    const echoing = echo(far);
    for (const frame of [utf8('hello'), new Uint8Array(0), patterned(70_000)]) {
      await near.send(frame);
      expect(equalBytes(present(await near.receive()), frame)).toBe(true);
    }
    await near.finish();
    expect(await near.receive()).toBeUndefined();
    await echoing;
  });

  test('4,000 small frames keep their order, sent without waiting for each other', async () => {
    const { near, far } = await openPair(nodes());
    const sending = Array.from({ length: 4_000 }, (_, i) => near.send(utf8(`frame ${i}`)));
    const reading = readAll(far);
    await Promise.all(sending);
    await near.finish();
    const texts = (await reading).map((frame) => new TextDecoder().decode(frame));
    expect(texts).toEqual(sending.map((_, i) => `frame ${i}`));
  });

  test('frames of the greatest size arrive whole in both directions', async () => {
    const { near, far } = await openPair(nodes());
    const frame = patterned(frameBytesMax);
    const echoing = echo(far);
    await near.send(frame);
    expect(equalBytes(present(await near.receive()), frame)).toBe(true);
    await near.finish();
    await echoing;
  });

  test('a frame over the limit is refused before it is sent, and the stream stays usable', async () => {
    const { near, far } = await openPair(nodes());
    await expect(near.send(new Uint8Array(frameBytesMax + 1))).rejects.toMatchObject({
      code: 'FRAME_TOO_LARGE',
      facts: { bytes: frameBytesMax + 1, bytesMax: frameBytesMax },
    });
    await near.send(utf8('still here'));
    expect(await far.receive()).toEqual(utf8('still here'));
  });

  test('many streams of one connection do not mix, from whichever side they were opened', async () => {
    const ends = await connect(nodes());
    const talk = async (from: Connection, to: Connection, count: number): Promise<void> => {
      const accepting = (async () => {
        for (let i = 0; i < count; i += 1) {
          echo(present(await to.acceptStream())).catch(() => undefined);
        }
      })();
      const talks = Array.from({ length: count }, async (_, i) => {
        const stream = await from.openStream();
        const frames = [utf8(`stream ${i}`), patterned(3_000, i)];
        for (const frame of frames) {
          await stream.send(frame);
        }
        await stream.finish();
        expect(await readAll(stream)).toEqual(frames);
      });
      await Promise.all([...talks, accepting]);
    };
    await Promise.all([talk(ends.near, ends.far, 40), talk(ends.far, ends.near, 40)]);
  });

  test('more streams may follow each other than may be open at once', async () => {
    const ends = await connect(nodes());
    for (let i = 0; i < 120; i += 1) {
      const { near, far } = await pairOn(ends);
      await near.finish();
      expect(await far.receive()).toBeUndefined();
      await far.finish();
      expect(await near.receive()).toBeUndefined();
    }
  });

  test('a reader that does not read makes the writer wait, and loses nothing', async () => {
    const { near, far } = await openPair(nodes());
    const { clock } = nodes().fixture;
    const frame = patterned(32 * 1_024);
    let sentBytes = 0;
    let last = near.send(frame);
    const blocked = (): Promise<boolean> =>
      Promise.race([last.then(() => false), clock.sleep(blockedAfterMs).then(() => true)]);
    while (!(await blocked())) {
      sentBytes += frame.length;
      expect(sentBytes).toBeLessThan(unreadBytesMax);
      last = near.send(frame);
    }
    const reading = readAll(far);
    await last;
    await near.finish();
    const frames = await reading;
    expect(frames).toHaveLength(sentBytes / frame.length + 1);
    expect(frames.every((one) => equalBytes(one, frame))).toBe(true);
  });

  test('a stream whose reader does not read leaves the others their speed', async () => {
    const ends = await connect(nodes());
    const stuck = await pairOn(ends);
    const sends: Promise<unknown>[] = [];
    for (let i = 0; i < 100; i += 1) {
      sends.push(stuck.near.send(patterned(32 * 1_024)).catch(() => undefined));
    }
    const { near, far } = await pairOn(ends);
    const echoing = echo(far);
    for (let i = 0; i < 50; i += 1) {
      await near.send(utf8(`${i}`));
      expect(await near.receive()).toEqual(utf8(`${i}`));
    }
    await near.finish();
    await echoing;
    stuck.far.abort('never read');
    await Promise.all(sends);
  });
}

function streamsEnd(nodes: () => Nodes): void {
  test('finishing ends one direction after everything that was sent; the other stays open', async () => {
    const { near, far } = await openPair(nodes());
    await Promise.all([near.send(utf8('a')), near.send(utf8('b')), near.finish()]);
    expect(await readAll(far)).toEqual([utf8('a'), utf8('b')]);
    expect(await far.receive()).toBeUndefined();
    expect(await outcome(near.send(utf8('c')))).toBe('CONNECTION_CLOSED');
    await far.send(utf8('still open'));
    expect(await near.receive()).toEqual(utf8('still open'));
    await far.finish();
    expect(await near.receive()).toBeUndefined();
    await near.finish();
  });

  test('what was finished can be read after the connection was closed', async () => {
    const ends = await connect(nodes());
    const { near, far } = await pairOn(ends);
    await near.send(utf8('the last word'));
    await near.finish();
    ends.near.close('all said');
    await ends.far.closed;
    expect(await readAll(far)).toEqual([utf8('the last word')]);
  });

  test('aborting ends both directions at both ends with an error', async () => {
    const { near, far } = await openPair(nodes());
    const waiting = Promise.all([outcome(far.receive()), outcome(near.receive())]);
    near.abort('changed my mind');
    expect(await waiting).toEqual(['CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
    expect(await outcome(near.send(utf8('x')))).toBe('CONNECTION_CLOSED');
    expect(await outcome(far.send(utf8('x')))).toBe('CONNECTION_CLOSED');
    expect(await outcome(far.finish())).toBe('CONNECTION_CLOSED');
    near.abort('a second time changes nothing');
  });

  test('aborting frees a writer that waits for its reader', async () => {
    const { near, far } = await openPair(nodes());
    const sends = Array.from({ length: 100 }, () => near.send(patterned(32 * 1_024)));
    const results = Promise.allSettled(sends);
    far.abort('too much');
    const failed = (await results).filter((result) => result.status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.every((result) => isHansaError(result.reason, 'CONNECTION_CLOSED'))).toBe(true);
  });

  test('a reader sees that the writer aborted, though the writer was waiting for it', async () => {
    const { near, far } = await openPair(nodes());
    const sends = Array.from({ length: 100 }, () => outcome(near.send(patterned(32 * 1_024))));
    await nodes().fixture.clock.sleep(blockedAfterMs);
    near.abort('no patience');
    expect(await Promise.all(sends)).toContain('CONNECTION_CLOSED');
    expect(await outcome(readAll(far))).toBe('CONNECTION_CLOSED');
  });

  test('aborting one stream leaves its connection and the other streams alone', async () => {
    const ends = await connect(nodes());
    const first = await pairOn(ends);
    const second = await pairOn(ends);
    first.near.abort('not needed');
    expect(await outcome(first.far.receive())).toBe('CONNECTION_CLOSED');
    await second.near.send(utf8('fine'));
    expect(await second.far.receive()).toEqual(utf8('fine'));
  });
}

function dialsAreProven(nodes: () => Nodes): void {
  test('each end knows the other by the key it proved, and what was dialled', async () => {
    const { near, far } = nodes();
    const ends = await connect(nodes());
    expect([ends.near.remote, ends.far.remote]).toEqual([far.node, near.node]);
    expect([ends.near.protocol, ends.far.protocol]).toEqual([protocol, protocol]);
    expect([ends.near.dialled, ends.far.dialled]).toEqual([true, false]);
  });

  test('an address where another node answers is no way to reach a node', async () => {
    const { near, far, fixture } = nodes();
    far.accept(protocol, async () => undefined);
    const dial = near.dial({ node: fixture.absentNode, addresses: far.addresses() }, protocol);
    await expect(dial).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      facts: { node: fixture.absentNode, protocol },
    });
  });

  test('one right address among wrong ones is enough', async () => {
    const { near, far, fixture } = nodes();
    far.accept(protocol, async () => undefined);
    const addresses = ['not an address', fixture.deadAddress, ...far.addresses()];
    const connection = await near.dial({ node: far.node, addresses }, protocol);
    expect(connection.remote).toBe(far.node);
  });

  test('a dial of a dead address fails within the deadline', async () => {
    const { near, fixture } = nodes();
    const begun = fixture.clock.monotonicMs();
    const to = { node: fixture.absentNode, addresses: [fixture.deadAddress] };
    await expect(near.dial(to, protocol)).rejects.toMatchObject({
      code: 'DIAL_FAILED',
      facts: { node: fixture.absentNode, addresses: fixture.deadAddress },
    });
    expect(fixture.clock.monotonicMs() - begun).toBeLessThan(dialTimeoutMs + dialGraceMs);
  });

  test('a dial ends as soon as its signal says so', async () => {
    const { near, fixture } = nodes();
    const giveUp = new AbortController();
    const to = { node: fixture.absentNode, addresses: [fixture.deadAddress] };
    const dial = outcome(near.dial(to, protocol, giveUp.signal));
    const begun = fixture.clock.monotonicMs();
    giveUp.abort(new Error('no longer needed'));
    expect(await dial).toBe('DIAL_FAILED');
    expect(fixture.clock.monotonicMs() - begun).toBeLessThan(dialGraceMs);
    expect(await outcome(near.dial(to, protocol, giveUp.signal))).toBe('DIAL_FAILED');
  });

  test('nobody is reached without an address, and no node dials itself', async () => {
    const { near, far } = nodes();
    expect(await outcome(near.dial({ node: far.node, addresses: [] }, protocol))).toBe(
      'DIAL_FAILED',
    );
    near.accept(protocol, async () => undefined);
    expect(await outcome(near.dial(addressOf(near), protocol))).toBe('DIAL_FAILED');
  });

  test('a protocol that the peer does not serve is refused by name', async () => {
    const { near, far } = nodes();
    const dial = (name: string): Promise<Connection> => near.dial(addressOf(far), name);
    await expect(dial('/hansa/unknown/1')).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      facts: { node: far.node, protocol: '/hansa/unknown/1' },
    });
    far.accept(protocol, async () => undefined);
    await expect(dial('/hansa/test/2')).rejects.toMatchObject({ code: 'PROTOCOL_MISMATCH' });
    expect((await dial(protocol)).protocol).toBe(protocol);
  });

  test('a protocol has one handler', () => {
    const { near } = nodes();
    near.accept(protocol, async () => undefined);
    expect(() => near.accept(protocol, async () => undefined)).toThrow('handler');
  });
}

function connectionsEnd(nodes: () => Nodes): void {
  test('closing a connection ends its streams and tells the far side why', async () => {
    const ends = await connect(nodes());
    const { near, far } = await pairOn(ends);
    const reading = outcome(far.receive());
    const accepting = ends.far.acceptStream();
    ends.near.close('enough for today');
    expect((await ends.near.closed).reason).toContain('enough for today');
    expect((await ends.far.closed).reason).toContain('enough for today');
    expect(await reading).toBe('CONNECTION_CLOSED');
    expect(await accepting).toBeUndefined();
    expect(await ends.far.acceptStream()).toBeUndefined();
    expect(await outcome(near.receive())).toBe('CONNECTION_CLOSED');
    expect(await outcome(near.send(utf8('x')))).toBe('CONNECTION_CLOSED');
    expect(await outcome(ends.near.openStream())).toBe('CONNECTION_CLOSED');
    expect(await outcome(ends.far.openStream())).toBe('CONNECTION_CLOSED');
    ends.near.close('a second time changes nothing');
  });

  test('closing a transport ends every connection at both ends, and it is reached no more', async () => {
    const { near, far } = nodes();
    const outgoing = await connect(nodes());
    const { near: stream } = await pairOn(outgoing);
    const reading = outcome(stream.receive());
    await far.close();
    await outgoing.far.closed;
    await outgoing.near.closed;
    expect(await reading).toBe('CONNECTION_CLOSED');
    expect(await outcome(near.dial(addressOf(far), protocol))).toBe('DIAL_FAILED');
    expect(await outcome(far.dial(addressOf(near), protocol))).toBe('DIAL_FAILED');
    await far.close();
  });

  test('a handler that throws ends its own connection and nothing else', async () => {
    const { near, far } = nodes();
    far.accept('/hansa/faulty/1', async () => {
      throw new Error('a mistake in the handler');
    });
    const ends = await connect(nodes());
    for (let i = 0; i < 3; i += 1) {
      const faulty = await near.dial(addressOf(far), '/hansa/faulty/1');
      expect((await faulty.closed).reason).not.toContain('a mistake');
    }
    const { near: stream, far: other } = await pairOn(ends);
    await stream.send(utf8('unharmed'));
    expect(await other.receive()).toEqual(utf8('unharmed'));
  });

  test('a handler that has returned leaves its connection open', async () => {
    const ends = await connect(nodes());
    await nodes().fixture.clock.sleep(50);
    const { near, far } = await pairOn(ends);
    await far.send(utf8('open'));
    expect(await near.receive()).toEqual(utf8('open'));
  });
}
