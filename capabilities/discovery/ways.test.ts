import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nodeOf, settled } from '../../testkit/test-cluster.ts';
import type { Announcement } from './contract.ts';
import { writeItem } from './item.ts';
import { claimsMax } from './lan.ts';
import type { Directory, DirectoryItem, LanClaim, LocalNetwork } from './parts.ts';
import {
  announce,
  codec,
  createWorld,
  crypto,
  idOf,
  known,
  signedBy,
  startMs,
  type World,
} from './world.suite.ts';

let world: World;
beforeEach(() => {
  world = createWorld();
});
afterEach(() => world.end());

const said = (byte: number, counter: number, change: Partial<Announcement> = {}): Announcement =>
  signedBy(world, byte, { ...change, counter });

describe('the local network', () => {
  const network = () => {
    const made = {
      heard: (_claim: LanClaim): void => undefined,
      spoken: 0,
      lan: {} as LocalNetwork,
    };
    made.lan = {
      run(talk, signal) {
        made.heard = talk.heard;
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve());
        });
      },
      speak: () => void (made.spoken += 1),
      ask: () => undefined,
    };
    return made;
  };

  test('claims, and whoever is dialled proves: then it is found', async () => {
    const made = network();
    const here = await world.place(1, { lan: made.lan });
    const there = await world.place(3, { gossip: true });
    [here, there].forEach((place) => place.run());
    await settled(() => there.parts.announcing.present() !== undefined);
    const node = nodeOf(crypto, 4);
    made.heard({ cluster: there.id, node, counter: 1, address: '192.168.7.3:4433' });
    await settled(() => known(here, 3) !== undefined);
    expect(here.book().endpoints(there.id)).toEqual([
      { node, addresses: ['192.168.7.3:4433', '192.0.2.3:4433'] },
    ]);
    expect(here.met).toEqual([{ node, addresses: ['192.168.7.3:4433'] }]);
    made.heard({ cluster: there.id, node, counter: 1, address: '192.168.7.3:4433' });
    expect(here.met).toHaveLength(1);
  });

  test('leads nobody anywhere by a claim that is not proven, and shows it as such', async () => {
    const made = network();
    const here = await world.place(1, { lan: made.lan });
    here.run();
    const claim = { cluster: idOf(3), node: nodeOf(crypto, 9), counter: 1, address: '192.0.2.9:1' };
    made.heard(claim);
    await settled(async () => {
      const { found } = await here.parts.discovery.list({});
      return found[0]?.problem !== undefined;
    });
    expect((await here.parts.discovery.list({})).found).toMatchObject([
      { cluster: idOf(3), verified: false, heard: [{ source: 'mdns' }] },
    ]);
    expect(here.book().endpoints(idOf(3))).toEqual([]);
    made.heard(claim);
    expect(here.met).toHaveLength(1);
    world.clock.advance(5_000);
    made.heard(claim);
    expect(here.met).toHaveLength(2);
  });

  test('remembers no more than sixty-four claims: the one longest unheard goes', async () => {
    const made = network();
    const here = await world.place(1, { lan: made.lan });
    here.run();
    const hear = (byte: number): void => {
      world.clock.advance(1);
      const claim = { cluster: idOf(byte), node: nodeOf(crypto, 9), counter: 1 };
      made.heard({ ...claim, address: '192.0.2.9:1' });
    };
    const held = () => (here.parts.lan?.claims() ?? []).map(({ claim }) => claim.cluster);
    const claimed = Array.from({ length: claimsMax }, (_, at) => 10 + at);
    claimed.forEach(hear);
    expect(held()).toEqual(claimed.map((byte) => idOf(byte)));
    hear(10);
    hear(10 + claimsMax);
    expect(held()).toHaveLength(claimsMax);
    expect(held()).not.toContain(idOf(11));
    expect(held()).toEqual(expect.arrayContaining([idOf(10), idOf(10 + claimsMax)]));
  });
});

describe('a directory', () => {
  const shelf = (items: Map<string, DirectoryItem> = new Map()): Directory => ({
    put: async ({ key, value, sequence }) => void items.set(key.join(), { value, sequence }),
    get: async ({ key }) => items.get(key.join()),
    nodes: () => 3,
  });

  test('has our word with every announcement, and finds whom somebody asks for', async () => {
    const items = new Map<string, DirectoryItem>();
    const here = await world.place(1, { directory: shelf(items) });
    const there = await world.place(3, { directory: shelf(items) });
    [here, there].forEach((place) => place.run());
    await settled(() => items.size === 2);
    const found = await here.parts.discovery.find({ cluster: there.id });
    expect(found).toMatchObject({
      cluster: there.id,
      verified: true,
      endpoints: there.endpoints,
      heard: [{ source: 'dht' }],
    });
    expect(await here.parts.discovery.status({})).toMatchObject({
      dht: { on: true, nodes: 3, publishedMs: startMs },
      tracked: 1,
    });
  });

  test('that holds another cluster’s word under an id is not believed', async () => {
    const items = new Map<string, DirectoryItem>();
    const here = await world.place(1, { directory: shelf(items) });
    const other = writeItem({ codec, crypto }, said(5, 10));
    const { key } = { key: [...Buffer.from(idOf(3), 'hex')] };
    items.set(key.join(), other);
    const find = here.parts.discovery.find({ cluster: idOf(3) });
    await expect(find).rejects.toMatchObject({ code: 'ANNOUNCEMENT_INVALID' });
    expect(here.parts.book.all()).toEqual([]);
  });

  test('that knows nothing is CLUSTER_UNKNOWN', async () => {
    const here = await world.place(1, { directory: shelf() });
    await expect(here.parts.discovery.find({ cluster: idOf(3) })).rejects.toMatchObject({
      code: 'CLUSTER_UNKNOWN',
    });
    const off = await world.place(5);
    await expect(off.parts.discovery.find({ cluster: idOf(3) })).rejects.toMatchObject({
      code: 'CLUSTER_UNKNOWN',
    });
  });

  test('that contradicts the whole announcement is not believed', async () => {
    const items = new Map<string, DirectoryItem>();
    const [here, from] = [await world.place(1, { directory: shelf(items) }), await world.place(3)];
    world.link(here, from);
    await announce(here, from, said(5, 10));
    const other = said(5, 10, { name: 'another name' });
    items.set([...Buffer.from(idOf(5), 'hex')].join(), writeItem({ codec, crypto }, other));
    await expect(
      here.parts.publishing?.lookUp(idOf(5), new AbortController().signal),
    ).rejects.toMatchObject({ code: 'ANNOUNCEMENT_INVALID' });
  });

  test('is asked for a linked cluster that is away for long', async () => {
    const items = new Map<string, DirectoryItem>();
    const here = await world.place(1, { directory: shelf(items) });
    const away = await world.place(3);
    world.link(here, away);
    here.peers.disconnect(away.id);
    items.set([...Buffer.from(away.id, 'hex')].join(), writeItem({ codec, crypto }, said(3, 10)));
    here.run();
    for (let second = 0; second < 20 && here.retried.length === 0; second += 5) {
      await settled(() => world.clock.sleepers >= 3);
      world.clock.advance(5_000);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await settled(() => here.retried.includes(away.id));
  });
});
