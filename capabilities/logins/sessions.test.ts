import { describe, expect, test } from 'vitest';
import { settled, withAnna } from '../../testkit/login-cluster.ts';
import {
  sessionIdleMs,
  sessionsPerUserMax,
  sessionTotalMs,
  sessionUseGapMs,
  type LoggedIn,
} from './contract.ts';

const right = 'a right password';

describe('sessions', () => {
  test('end after twelve hours without use, and after a week however busy', async () => {
    const { cluster, login } = await withAnna();
    const idle = await login();
    const busy = await login();
    for (let atMs = 0; atMs < sessionTotalMs - sessionIdleMs; atMs += sessionIdleMs / 2) {
      cluster.as(busy.session);
      await settled();
      await settled();
      cluster.clock.advance(sessionIdleMs / 2);
    }
    expect(() => cluster.as(idle.session)).toThrow('the session is over');
    cluster.as(busy.session);
    await settled();
    await settled();
    cluster.clock.advance(sessionIdleMs / 2);
    expect(cluster.as(busy.session)).toBeDefined();
    await settled();
    await settled();
    cluster.clock.advance(sessionIdleMs / 2);
    expect(() => cluster.as(busy.session)).toThrow('the session is over');
  });

  test('say when they were last used within five minutes, and survive a restart', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    const used = async (): Promise<number> =>
      (await cluster.logins.session({}, cluster.as(session))).usedMs;
    cluster.clock.advance(sessionUseGapMs - 1);
    cluster.as(session);
    await settled();
    expect(await used()).toBe(0);
    cluster.clock.advance(1);
    cluster.as(session);
    await settled();
    await settled();
    expect(await used()).toBe(sessionUseGapMs);
    const again = await cluster.restart();
    expect(again.as(session)).toMatchObject({ caller: { principal: 'user:anna' } });
  });

  test(`a user has ${sessionsPerUserMax}; the one unused the longest gives way`, async () => {
    const { cluster, login } = await withAnna();
    const sessions: LoggedIn[] = [];
    for (let at = 0; at <= sessionsPerUserMax; at += 1) {
      cluster.clock.advance(1);
      sessions.push(await login());
    }
    const [first, second] = sessions;
    expect(() => cluster.as(first?.session ?? '')).toThrow('the session is over');
    expect(cluster.as(second?.session ?? '')).toBeDefined();
    const listed = await cluster.logins.sessions({ user: 'anna' });
    expect(listed.sessions).toHaveLength(sessionsPerUserMax);
  });

  test('a text that only begins like one is none', async () => {
    const { cluster, login } = await withAnna();
    const { session } = await login();
    for (const text of ['hs_', session.slice(0, -1), `${session}x`, session.toUpperCase()]) {
      expect(() => cluster.as(text)).toThrow('the session is over');
    }
  });

  test('carry a mark that nothing else fits', async () => {
    const { cluster, login } = await withAnna();
    const { session, mark } = await login();
    cluster.sessions.requireMark(session, mark);
    for (const wrong of [undefined, '', `${mark}x`, session]) {
      expect(() => cluster.sessions.requireMark(session, wrong)).toThrow('its session’s mark');
    }
  });

  test('end what goes on by them: by logout, by being disabled, by their time', async () => {
    const { cluster, login } = await withAnna();
    const { sessions, logins, people, clock } = cluster;
    const hold = async () => {
      const call = cluster.as((await login()).session);
      return { call, ...sessions.lapse(call.caller as never) };
    };
    const [out, off, late] = [await hold(), await hold(), await hold()];
    await logins.logout({}, out.call);
    expect(out.signal.aborted).toBe(true);
    expect(off.signal.aborted).toBe(false);
    people.put('user:anna', { disabled: true });
    expect(off.signal.aborted).toBe(true);
    expect(late.signal.aborted).toBe(true);
    people.put('user:anna', {});
    await settled();
    await settled();
    const idle = await hold();
    clock.advance(sessionIdleMs);
    await settled();
    expect(idle.signal.aborted).toBe(true);
    expect(idle.signal.reason).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('of others end by name or id; one’s own ends by its id alone', async () => {
    const { cluster, login } = await withAnna();
    const { logins, people } = cluster;
    people.put('user:bob', {});
    const { code } = await logins.invite({ user: 'bob' });
    const bob = cluster.as((await logins.codeLogin({ code, password: right })).session);
    const anna = await login();
    const end = logins.endOwnSession({ id: anna.id }, bob);
    await expect(end).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
    expect((await logins.ownSessions({}, bob)).sessions).toHaveLength(1);
    await logins.endSession({ id: anna.id });
    expect(() => cluster.as(anna.session)).toThrow('the session is over');
    expect(await logins.endSessions({ user: 'bob' })).toEqual({ ended: 1 });
    await expect(logins.session({}, { caller: { kind: 'owner' } })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  });
});
