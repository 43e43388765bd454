// Many routers, a seed each: writes everywhere, frames lost, links cut and joined, routers started
// anew. When it has become quiet, all agree with the owner of every address, nothing goes round,
// and nothing crossed that nobody declared.
import { describe, expect, it } from 'vitest';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import type { FederationMode } from './config.ts';
import { Network, type Site } from './sites.suite.ts';

const seeds = Array.from({ length: 60 }, (_, i) => i + 1);
const steps = 80;

interface World {
  readonly net: Network;
  readonly random: SeededRandom;
  readonly ids: readonly string[];
  readonly edges: readonly (readonly [string, string])[];
  readonly open: (id: string) => Site;
}

function worldOf(seed: number): World {
  const net = new Network(seed);
  net.isRecording = false;
  const random = net.random.fork('world');
  const count = 3 + random.integer(4);
  const ids = Array.from({ length: count }, (_, i) => `r${i}`);
  const shape = random.pick(['star', 'ring', 'mesh'] as const);
  const edges = edgesOf(shape, ids, random);
  const open = (id: string): Site => {
    const peers = edges.filter(([from]) => from === id).map(([, to]) => to);
    const [hubEndpoint = ''] = peers;
    const star: FederationMode = id === 'r0' ? { kind: 'hub' } : { kind: 'leaf', hubEndpoint };
    const mode: FederationMode = shape === 'star' ? star : { kind: 'mesh', peers };
    return net.site(id, { mode, ownedNamespaces: [`/${id}/**`], syncIntervalMs: 10_000 });
  };
  ids.forEach(open);
  return { net, random, ids, edges, open };
}

function edgesOf(
  shape: 'star' | 'ring' | 'mesh',
  ids: readonly string[],
  random: SeededRandom,
): readonly (readonly [string, string])[] {
  if (shape === 'star') {
    return ids.slice(1).map((id) => [id, 'r0'] as const);
  }
  if (shape === 'ring') {
    return ids.map((id, i) => [id, ids[(i + 1) % ids.length] ?? ''] as const);
  }
  const edges = ids.slice(1).map((id, i) => [id, `r${random.integer(i + 1)}`] as const);
  const more = ids.flatMap((from) => ids.map((to) => [from, to] as const));
  return [...edges, ...more.filter(([from, to]) => from !== to && random.chance(0.25))];
}

async function step({ net, random, ids, edges, open }: World, withLosses: boolean): Promise<void> {
  const site = net.sites.get(random.pick(ids));
  const act = random.integer(withLosses ? 12 : 13);
  const [from, to] = random.pick(edges);
  const address = `/${random.pick(ids)}/${random.integer(6)}`;
  if (site === undefined) {
    return;
  }
  if (act < 4) {
    site.set(`/${site.id}/${random.integer(6)}`, random.integer(1_000));
  } else if (act < 7) {
    const client = await site.client();
    client.set(address, random.integer(1_000));
    client.publish(address);
  } else if (act === 7) {
    net.cut(from, to);
  } else if (act === 8) {
    net.join(from, to);
  } else if (act === 9) {
    net.breakLines(from, to);
  } else if (act === 10) {
    const lossy = withLosses && random.chance(0.5);
    net.loses = () => lossy && random.chance(0.2);
  } else if (act === 11) {
    site.set('/private/x', site.id);
  } else if (edges.every(([one, other]) => !net.isCut(one, other))) {
    // What no router has that it is linked to would be lost: they are given the time to link.
    await net.advance(40_000);
    site.manager.stop();
    site.router.stop();
    await net.settle();
    const again = open(site.id);
    again.manager.start(again.router);
    await net.advance(40_000);
  }
  await net.advance(random.integer(400));
}

/** Shared addresses alone. */
function shared(site: Site): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(site.state()).filter(([address]) => !address.startsWith('/private')),
  );
}

async function run(seed: number, withLosses: boolean): Promise<void> {
  const world = worldOf(seed);
  const { net, ids, edges } = world;
  net.start();
  await net.advance(500);
  for (let i = 0; i < steps; i += 1) {
    await step(world, withLosses);
  }
  net.loses = () => false;
  edges.forEach(([from, to]) => net.join(from, to));
  await net.advance(150_000);
  const first = net.sites.get('r0');
  const held = first && shared(first);
  expect(Object.keys(held ?? {}).length).toBeGreaterThan(0);
  for (const id of ids) {
    const site = net.sites.get(id);
    expect([id, site && shared(site)]).toEqual([id, held]);
    const foreign = site?.value('/private/x');
    expect(foreign === undefined || foreign === id).toBe(true);
  }
  net.isRecording = true;
  await net.advance(9_000);
  const moving = net.crossings.filter(({ message }) =>
    ['set', 'bundle', 'snapshot'].includes(message.type),
  );
  expect(moving).toEqual([]);
  net.stop();
  expect(net.problems).toEqual([]);
}

describe('any number of routers', () => {
  it.each(seeds)(
    'agree after losses and cut links, seed %i',
    async (seed) => {
      await run(seed, true);
    },
    60_000,
  );

  it.each(seeds)(
    'agree after some of them lost all they had, seed %i',
    async (seed) => {
      await run(seed + 1_000, false);
    },
    60_000,
  );
});
