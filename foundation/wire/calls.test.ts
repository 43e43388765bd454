import { afterEach, describe, expect, test } from 'vitest';
import { frameStreamPair } from '../../testkit/frame-streams.ts';
import {
  closeSessions,
  code,
  linkMills,
  millContract,
  millEdge,
  never,
  startSession,
  type Mill,
} from '../../testkit/wire-mill.ts';
import { HansaError, remote } from '../index.ts';

afterEach(closeSessions);

describe('calls', () => {
  test('both sides call each other over one stream', async () => {
    const [left, right] = frameStreamPair();
    const a = startSession(left, { edge: millEdge({ grind: async () => ({ flour: 'a' }) }) });
    const b = startSession(right, { edge: millEdge({ grind: async () => ({ flour: 'b' }) }) });
    const answers = await Promise.all([
      remote(millContract, a.session.carrier).grind({ grain: '' }),
      remote(millContract, b.session.carrier).grind({ grain: '' }),
    ]);
    expect(answers).toEqual([{ flour: 'b' }, { flour: 'a' }]);
  });

  test('a thousand calls at once each get their own answer', async () => {
    const { mill: far } = linkMills();
    const grains = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    const flour = await Promise.all(grains.map((grain) => far.grind({ grain })));
    expect(flour.map((one) => one.flour)).toEqual(grains.map((grain) => `ground ${grain}`));
  });

  test('a promise of nothing is kept over the wire', async () => {
    await expect(linkMills().mill.forget({})).resolves.toBeUndefined();
  });

  test('an error arrives with its code, sentence, fix and facts', async () => {
    const { mill: far } = linkMills({
      grind: async () => {
        throw new HansaError('LINK_DOWN', 'the river froze', { fix: 'wait', facts: { days: 3 } });
      },
    });
    await expect(far.grind({ grain: '' })).rejects.toMatchObject({
      code: 'LINK_DOWN',
      message: 'the river froze',
      fix: 'wait',
      facts: { days: 3 },
    });
  });

  test('an error too large or malformed to travel still arrives with its code', async () => {
    for (const message of ['\ud800', 'x'.repeat(10_000)]) {
      const { mill: far } = linkMills({
        grind: async () => {
          throw new HansaError('LINK_DOWN', message);
        },
      });
      await expect(far.grind({ grain: '' })).rejects.toEqual(code('LINK_DOWN'));
    }
  });

  test('an answer over a frame is FRAME_TOO_LARGE and the session goes on', async () => {
    const { mill: far } = linkMills({
      grind: async ({ grain }) => ({ flour: grain.repeat(3_000_000) }),
    });
    await expect(far.grind({ grain: 'x' })).rejects.toEqual(code('FRAME_TOO_LARGE'));
    await expect(far.grind({ grain: '' })).resolves.toEqual({ flour: '' });
    await expect(far.grind({ grain: 'x'.repeat(3_000_000) })).rejects.toEqual(
      code('FRAME_TOO_LARGE'),
    );
    await expect(far.grind({ grain: '\ud800' })).rejects.toEqual(code('INPUT_INVALID'));
    await expect(far.grind({ grain: '' })).resolves.toEqual({ flour: '' });
  });

  test('a contract in a later version is PROTOCOL_MISMATCH, an unknown one METHOD_UNKNOWN', async () => {
    const { here } = linkMills();
    const later = remote<Mill>({ ...millContract, version: 9 }, here.session.carrier);
    await expect(later.grind({ grain: '' })).rejects.toEqual(code('PROTOCOL_MISMATCH'));
    const strange = remote<Mill>({ ...millContract, name: 'smithy' }, here.session.carrier);
    await expect(strange.grind({ grain: '' })).rejects.toEqual(code('METHOD_UNKNOWN'));
  });

  test('a side that serves nothing answers METHOD_UNKNOWN', async () => {
    const { far } = linkMills();
    const back = remote(millContract, far.session.carrier);
    await expect(back.grind({ grain: '' })).rejects.toEqual(code('METHOD_UNKNOWN'));
    await expect(back.sacks({ count: 1, bytes: 1 })[Symbol.asyncIterator]().next()).rejects.toEqual(
      code('METHOD_UNKNOWN'),
    );
  });

  test('a call without an answer is TIMED_OUT after 30 s, and the far side is told to stop', async () => {
    let seen: AbortSignal | undefined;
    const { mill: far, clock } = linkMills({
      grind: (_input, call) => {
        seen = call?.signal;
        return never();
      },
    });
    const first = far.grind({ grain: '' });
    clock.advance(10_000);
    const second = far.grind({ grain: '' });
    await expect.poll(() => seen).toBeDefined();
    clock.advance(20_000);
    await expect(first).rejects.toMatchObject({ code: 'TIMED_OUT', message: /30 s/ });
    await expect.poll(() => clock.sleepers).toBe(1);
    clock.advance(10_000);
    await expect(second).rejects.toEqual(code('TIMED_OUT'));
    await expect.poll(() => seen?.aborted).toBe(true);
  });

  test('a cancelled call is CANCELLED here at once and aborts the signal over there', async () => {
    let seen: AbortSignal | undefined;
    const { mill: far, here } = linkMills({
      grind: (_input, call) => {
        seen = call?.signal;
        return never();
      },
    });
    const stop = new AbortController();
    const call = far.grind({ grain: '' }, { signal: stop.signal });
    await expect.poll(() => seen).toBeDefined();
    stop.abort();
    await expect(call).rejects.toEqual(code('CANCELLED'));
    await expect.poll(() => seen?.aborted).toBe(true);
    await expect(far.forget({})).resolves.toBeUndefined();
    expect(here.isOver()).toBe(false);
  });

  test('a service that ignores its cancellation keeps its place until it ends', async () => {
    const releases: (() => void)[] = [];
    const { mill: far } = linkMills(
      {
        grind: () => new Promise((resolve) => releases.push(() => resolve({ flour: 'late' }))),
      },
      { requestsMax: 1 },
    );
    const stop = new AbortController();
    const call = far.grind({ grain: '' }, { signal: stop.signal });
    await expect.poll(() => releases.length).toBe(1);
    stop.abort();
    await expect(call).rejects.toEqual(code('CANCELLED'));
    await expect(far.forget({})).rejects.toEqual(code('RATE_LIMITED'));
    releases[0]?.();
    await expect
      .poll(() =>
        far.forget({}).then(
          () => 'served',
          () => 'busy',
        ),
      )
      .toBe('served');
  });
});

describe('endings', () => {
  test('when the far side finishes, pending calls and watches fail with CONNECTION_CLOSED', async () => {
    const [left, bare] = frameStreamPair();
    const { session, ended } = startSession(left, {});
    const far = remote(millContract, session.carrier);
    const call = far.grind({ grain: '' });
    const items = far.sacks({ count: 1, bytes: 1 })[Symbol.asyncIterator]().next();
    await bare.receive();
    await bare.finish();
    await expect(call).rejects.toEqual(code('CONNECTION_CLOSED'));
    await expect(items).rejects.toEqual(code('CONNECTION_CLOSED'));
    await expect(ended).resolves.toBe('in peace');
    await expect(far.grind({ grain: '' })).rejects.toEqual(code('CONNECTION_CLOSED'));
  });

  test('closing here fails what is pending and aborts what is served', async () => {
    let seen: AbortSignal | undefined;
    const {
      mill: far,
      here,
      far: other,
      clock,
    } = linkMills({
      grind: (_input, call) => {
        seen = call?.signal;
        return never();
      },
    });
    const call = far.grind({ grain: '' });
    await expect.poll(() => seen).toBeDefined();
    here.session.close('the link was closed');
    await expect(call).rejects.toMatchObject({ message: /the link was closed/ });
    await expect(here.ended).resolves.toBe('in peace');
    await expect(other.ended).resolves.toEqual(code('CONNECTION_CLOSED'));
    await expect.poll(() => seen?.aborted).toBe(true);
    expect(clock.sleepers).toBe(0);
  });

  test('the run signal ends a session as close does', async () => {
    const { here } = linkMills();
    here.stop.abort();
    await expect(here.ended).resolves.toBe('in peace');
  });
});
