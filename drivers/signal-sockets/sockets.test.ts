// Lines over real sockets of this machine: what goes in at one end comes out at the other, whole,
// in order, and bounded.
import { createServer } from 'node:net';
import { frameBytesMax } from '@hansa/capabilities/signals/frames/limits';
import type { AcceptLine, Line, LineEvents } from '@hansa/capabilities/signals/frames/line';
import { isHansaError, type Log } from '@hansa/foundation';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ends, pattern, until, type End } from '../../testkit/signal-ends.ts';
import {
  dialTcp,
  dialWebSocket,
  listenTcp,
  listenWebSocket,
  type SignalListener,
} from './index.ts';

const host = '127.0.0.1';
const ending: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

interface Road {
  readonly name: string;
  listen(accept: AcceptLine, more?: object): Promise<SignalListener>;
  dial(port: number, accept: AcceptLine, more?: object): Promise<Line>;
}

const roads: readonly Road[] = [
  {
    name: 'WebSocket',
    listen: (accept, more) => listenWebSocket({ host, port: 0, accept, ...more }),
    dial: (port, accept, more) =>
      dialWebSocket({ url: `ws://${host}:${port}/any/path`, accept, ...more }),
  },
  {
    name: 'TCP',
    listen: (accept, more) => listenTcp({ host, port: 0, accept, ...more }),
    dial: (port, accept, more) => dialTcp({ host, port, accept, ...more }),
  },
];

async function joined(
  road: Road,
  { server = ends(), client = ends() } = {},
): Promise<{ readonly here: End; readonly there: End; readonly listener: SignalListener }> {
  const listener = await road.listen(server.accept);
  ending.push(() => listener.close());
  const line = await road.dial(listener.port, client.accept);
  ending.push(() => line.close('the test is over'));
  await until(() => server.all.length === 1);
  const [here, there] = [client.all[0], server.all[0]];
  if (here === undefined || there === undefined) {
    throw new Error('there is no line');
  }
  return { here, there, listener };
}

describe.each(roads)('a line over $name', (road) => {
  it('carries frames of every size both ways, in order', async () => {
    const { here, there } = await joined(road);
    const frames = [0, 1, 125, 126, 4_000, 40_000, frameBytesMax].map(pattern);
    for (const frame of frames) {
      here.line.send(frame);
      there.line.send(frame);
    }
    await until(
      () => here.frames.length === frames.length && there.frames.length === frames.length,
    );
    for (const end of [here, there]) {
      expect(end.frames.map((frame) => Buffer.compare(frame, pattern(frame.length)))).toEqual(
        frames.map(() => 0),
      );
      expect(end.frames.map(({ length }) => length)).toEqual(frames.map(({ length }) => length));
      expect(end.frames.every((frame) => frame.constructor === Uint8Array)).toBe(true);
    }
  });

  it('tells how much waits, and when it has left', async () => {
    const { here, there } = await joined(road);
    expect(here.line.waiting()).toBe(0);
    expect(here.line.send(pattern(10))).toBeGreaterThanOrEqual(10);
    await until(() => here.line.waiting() === 0 && here.drains > 0);
    await until(() => there.frames.length === 1);
  });

  it('lets those who send see that the other end does not read', async () => {
    const { here, there } = await joined(road);
    there.line.read?.(false);
    const frame = pattern(60_000);
    let sent = 0;
    await vi.waitFor(
      () => {
        sent += 1;
        expect(here.line.send(frame)).toBeGreaterThan(1_000_000);
      },
      { timeout: 15_000, interval: 1 },
    );
    expect(there.frames.length).toBeLessThan(sent);
    there.line.read?.(true);
    await until(() => there.frames.length === sent);
    expect(here.line.waiting()).toBe(0);
  });

  it('sends what waits before it closes, and says so at both ends, once', async () => {
    const { here, there } = await joined(road);
    const frames = Array.from({ length: 50 }, (_, i) => pattern(i * 100));
    frames.forEach((frame) => there.line.send(frame));
    there.line.close('that is all');
    there.line.close('again');
    expect(there.line.send(pattern(1))).toBe(0);
    await until(() => here.reasons.length === 1 && there.reasons.length === 1);
    expect(here.frames).toHaveLength(frames.length);
    expect(there.reasons).toEqual(['that is all']);
    expect(here.line.send(pattern(1))).toBe(0);
  });

  it('may be closed as soon as it is offered', async () => {
    const server = ends();
    const listener = await road.listen((line) => {
      const events = server.accept(line);
      line.close('no room');
      return events;
    });
    ending.push(() => listener.close());
    const client = ends();
    await road.dial(listener.port, client.accept);
    await until(() => client.all[0]?.reasons.length === 1);
    await until(() => server.all[0]?.reasons.length === 1);
    expect(server.all[0]?.reasons).toEqual(['no room']);
  });

  it('ends alone when the work on its frames fails', async () => {
    const problems: string[] = [];
    const log = { problem: (name: string) => void problems.push(name), event: () => undefined };
    const server = ends((_end, frame) => {
      if (frame.length === 1) {
        throw new Error('a bug');
      }
    });
    const listener = await road.listen(server.accept, { log: log as unknown as Log });
    ending.push(() => listener.close());
    const [bad, good] = [ends(), ends()];
    const badLine = await road.dial(listener.port, bad.accept);
    const goodLine = await road.dial(listener.port, good.accept);
    badLine.send(pattern(1));
    goodLine.send(pattern(2));
    await until(() => bad.all[0]?.reasons.length === 1);
    await until(() => server.all.some(({ frames }) => frames[0]?.length === 2));
    expect(problems).toEqual(['signal-line.failed']);
    expect(good.all[0]?.reasons).toEqual([]);
    goodLine.close('over');
  });

  it('is refused beyond the connections that may be open', async () => {
    const server = ends();
    const listener = await road.listen(server.accept, { connectionsMax: 1 });
    ending.push(() => listener.close());
    const first = await road.dial(listener.port, ends().accept);
    const second = ends();
    const dialled = road.dial(listener.port, second.accept).catch((error: unknown) => error);
    await Promise.race([dialled, until(() => second.all[0]?.reasons.length === 1)]);
    expect(server.all).toHaveLength(1);
    first.close('over');
  });

  it('is not had where nobody listens, and not waited for longer than asked', async () => {
    const listener = await road.listen(ends().accept);
    await listener.close();
    const nobody = road.dial(listener.port, ends().accept);
    await expect(nobody).rejects.toSatisfy((error) => isHansaError(error, 'DIAL_FAILED'));

    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, host, resolve));
    ending.push(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const control = new AbortController();
    const given = road.dial(port, () => neverAsked(), { signal: control.signal });
    if (road.name === 'WebSocket') {
      const asked = road.dial(port, () => neverAsked(), { timeoutMs: 50 });
      await expect(asked).rejects.toSatisfy((error) => isHansaError(error, 'DIAL_FAILED'));
      control.abort(new Error('enough'));
      await expect(given).rejects.toThrow('enough');
    } else {
      control.abort(new Error('enough'));
      await expect(given).rejects.toThrow('enough');
    }
    await expect(
      road.dial(port, () => neverAsked(), { signal: AbortSignal.abort(new Error('no')) }),
    ).rejects.toThrow('no');
  });

  it('is listened for on a port that is free, and ends with its listener', async () => {
    const { here, listener } = await joined(road);
    const taken = road.name === 'TCP' ? listenTcp : listenWebSocket;
    await expect(taken({ host, port: listener.port, accept: ends().accept })).rejects.toSatisfy(
      (error) => isHansaError(error, 'PORT_TAKEN'),
    );
    await listener.close();
    await until(() => here.reasons.length === 1);
    const again = await taken({ host, port: listener.port, accept: ends().accept });
    await again.close();
  });
});

function neverAsked(): LineEvents {
  throw new Error('a line that was not opened was offered');
}
