// Gestures that cross links: gathered where they begin, and ended everywhere when nobody is there
// any more who could end them.
import { afterEach, expect, it } from 'vitest';
import type { GesturePhase } from '../frames/messages.ts';
import { wireValue } from '../frames/values.ts';
import { routerLimits } from '../router/limits.ts';
import type { TestLine } from '../router/router-rig.suite.ts';
import { federationLimits } from './limits.ts';
import { Network, type Site } from './sites.suite.ts';

let net: Network;
let sites: Readonly<Record<'hub' | 'a' | 'b', Site>>;

afterEach(() => {
  net.stop();
  expect(net.problems).toEqual([]);
});

async function star(hub: { readonly isStranger?: boolean } = {}): Promise<void> {
  net = new Network();
  const mode = { kind: 'leaf', hubEndpoint: 'hub' } as const;
  sites = {
    hub: net.site('hub', {}, { ...hub, options: { sessionIdleMs: 0 } }),
    a: net.site('a', { mode, ownedNamespaces: ['/a/**'] }, { options: { sessionIdleMs: 0 } }),
    b: net.site('b', { mode, ownedNamespaces: ['/b/**'] }, { options: { sessionIdleMs: 0 } }),
  };
  net.start();
  await net.advance(100);
}

const touch = (line: TestLine, phase: GesturePhase, x: number, id = 5): void =>
  line.publish('/a/touch', { signal: 'gesture', phase, id, value: wireValue(x) });

async function watching(site: Site): Promise<TestLine> {
  const line = await site.client();
  line.subscribe(1, '/a/touch');
  return line;
}

const phases = (line: TestLine): (GesturePhase | undefined)[] =>
  line.messages('publish').map(({ phase }) => phase);

it('gathers its moves before they go to their owner, and ends with the newest', async () => {
  await star();
  const [finger, owner, other] = [await sites.b.client(), await watching(sites.a), sites.hub];
  const third = await watching(other);
  touch(finger, 'start', 0);
  for (let x = 1; x <= 100; x += 1) {
    touch(finger, 'move', x);
    await net.advance(1);
  }
  touch(finger, 'end', 101);
  await net.settle();
  const asked = net.crossed('b', 'hub').filter(({ type }) => type === 'bundle');
  expect(asked.length).toBeLessThan(12);
  for (const line of [owner, third]) {
    expect(line.publishes.at(0)).toBe('/a/touch=0');
    expect(line.publishes.slice(-2)).toEqual(['/a/touch=100', '/a/touch=101']);
    expect(line.publishes.length).toBeLessThan(12);
  }
});

it('is cancelled at its owner and everywhere when its session leaves', async () => {
  await star();
  const [finger, owner, third] = [
    await sites.b.client(),
    await watching(sites.a),
    await watching(sites.hub),
  ];
  touch(finger, 'start', 0);
  touch(finger, 'move', 1);
  touch(finger, 'move', 2);
  finger.hangUp();
  await net.settle();
  expect(phases(owner)).toEqual(['start', 'move', 'move', 'cancel']);
  expect(phases(third)).toEqual(['start', 'move', 'move', 'cancel']);
});

it('is cancelled where the router of its session cannot be reached any more', async () => {
  await star();
  const [finger, owner, third] = [
    await sites.b.client(),
    await watching(sites.a),
    await watching(sites.hub),
  ];
  touch(finger, 'start', 0);
  await net.settle();
  net.cut('b', 'hub');
  await net.settle();
  expect(phases(owner)).toEqual(['start', 'cancel']);
  expect(phases(third)).toEqual(['start', 'cancel']);
});

it('is cancelled where its owner cannot be reached any more, once', async () => {
  await star();
  const [finger, near, far] = [
    await sites.a.client(),
    await watching(sites.hub),
    await watching(sites.b),
  ];
  touch(finger, 'start', 0);
  await net.settle();
  net.cut('a', 'hub');
  await net.settle();
  expect(phases(near)).toEqual(['start', 'cancel']);
  expect(phases(far)).toEqual(['start', 'cancel']);
  touch(finger, 'end', 1);
  net.join('a', 'hub');
  await net.advance(routerLimits.gestureIdleMs * 2);
  expect(phases(far)).toEqual(['start', 'cancel']);
});

it('is cancelled when nobody goes on with it, though all links stand', async () => {
  await star();
  const [finger, owner] = [await sites.b.client(), await watching(sites.a)];
  net.loses = ({ from, message }) => from === 'b' && message.type === 'bundle';
  touch(finger, 'start', 0);
  net.loses = () => false;
  touch(finger, 'start', 0, 6);
  await net.settle();
  net.loses = ({ from, message }) => from === 'b' && message.type === 'bundle';
  touch(finger, 'end', 1, 6);
  await net.advance(routerLimits.gestureIdleMs);
  expect(phases(owner)).toEqual(['start', 'cancel']);
});

it('is told to a hub of another kind, and cancelled when the line to it ends', async () => {
  await star({ isStranger: true });
  const [finger, far] = [await sites.hub.client(), await watching(sites.a)];
  touch(finger, 'start', 0);
  await net.settle();
  expect(phases(far)).toEqual(['start']);
  net.cut('a', 'hub');
  await net.settle();
  expect(phases(far)).toEqual(['start', 'cancel']);
});

it('beyond routerGesturesMax of one router passes as it comes', async () => {
  await star();
  const owner = await watching(sites.a);
  const { gesturesMax, routerGesturesMax } = routerLimits;
  for (let begun = 0; begun <= routerGesturesMax; begun += gesturesMax) {
    const finger = await sites.b.client();
    for (let id = 0; id < gesturesMax && begun + id <= routerGesturesMax; id += 1) {
      touch(finger, 'start', 0, id);
    }
    await net.settle();
  }
  const before = phases(owner).length;
  expect(before).toBe(routerGesturesMax + 1);
  net.cut('b', 'hub');
  await net.settle();
  expect(phases(owner).length).toBe(before + routerGesturesMax);
});

it('is cancelled again where it went on after its link had come back', async () => {
  await star();
  const [finger, owner] = [await sites.b.client(), await watching(sites.a)];
  touch(finger, 'start', 0);
  await net.settle();
  net.breakLines('b', 'hub');
  await net.advance(60_000);
  touch(finger, 'move', 1);
  await net.settle();
  expect(phases(owner)).toEqual(['start', 'cancel', 'move']);
  net.cut('b', 'hub');
  await net.settle();
  expect(phases(owner)).toEqual(['start', 'cancel', 'move', 'cancel']);
});

it('of one session leaves places to the others of its site', async () => {
  await star();
  const [many, finger] = [await sites.b.client(), await sites.b.client()];
  for (let id = 0; id <= routerLimits.routerGesturesMax; id += 1) {
    touch(many, 'start', 0, id);
    if (id % 500 === 0) {
      await net.settle();
    }
  }
  const owner = await watching(sites.a);
  touch(finger, 'start', 0, 99_999);
  await net.settle();
  net.cut('b', 'hub');
  await net.settle();
  const cancelled = owner.messages('publish').filter(({ phase }) => phase === 'cancel');
  expect(cancelled).toHaveLength(routerLimits.gesturesMax + 1);
  expect(cancelled.some(({ id }) => id === 99_999)).toBe(true);
});

it('that could not be ended is not ended again later, and its session is told once', async () => {
  await star();
  const [finger, owner] = [await sites.b.client(), await watching(sites.a)];
  touch(finger, 'start', 0);
  await net.settle();
  net.cut('a', 'hub');
  await net.settle();
  touch(finger, 'end', 1);
  expect(finger.errors).toEqual(['502 a owns this address and cannot be reached']);
  await net.advance(routerLimits.gestureIdleMs / 2);
  net.join('a', 'hub');
  await net.advance(routerLimits.gestureIdleMs);
  expect(phases(owner)).toEqual(['start', 'cancel']);
  expect(finger.errorCodes).toEqual([502]);
});

it('asks nothing of a session whose gesture ends by time while its owner is away', async () => {
  await star();
  const finger = await sites.b.client();
  touch(finger, 'start', 0);
  await net.settle();
  net.cut('a', 'hub');
  await net.advance(routerLimits.gestureIdleMs * 2);
  expect(finger.errorCodes).toEqual([]);
});

it('that comes late, after its router was lost, is not begun', async () => {
  await star();
  const [finger, owner] = [await sites.b.client(), await watching(sites.a)];
  const full = federationLimits.lineBytesMax + 1;
  net.waiting = (from, to) => (from === 'hub' && to === 'a' ? full : 0);
  touch(finger, 'start', 0);
  await net.settle();
  net.cut('b', 'hub');
  await net.settle();
  net.flow();
  await net.settle();
  expect(phases(owner)).toEqual([]);
});
