import type { BlobReceipt, Blobs } from '@hansa/foundation';
import { afterEach, test } from 'vitest';
import { createActs, federatedName, idOf, type Acts } from '../../testkit/federation-acts.ts';
import { finish } from '../../testkit/federation-ending.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { noteOps } from '../../testkit/note-kind.ts';
import { playSeeds } from '../../testkit/simulation.ts';

let federation: Federation | undefined;
afterEach(() => federation?.close());

test('quiet clusters under equal policy hold equal digests, and nobody gets what is not shared', async () => {
  await playSeeds('days', 6);
});

test('a crash of either side loses nothing that was acknowledged and applies nothing twice', async () => {
  await playSeeds('crashes', 16);
});

test('what was changed on the way is never applied, and comes again until it is right', async () => {
  await playSeeds('flips');
});

test('slow and reordered streams delay mirrors and break none', async () => {
  await playSeeds('slow');
});

test('a resource that is removed and made again is mirrored in its new epoch', async () => {
  await playSeeds('epochs', 12);
});

/** A note of lubeck's with one change, shared with bergen and mirrored there. */
async function mirroredNote(
  made: Federation,
  traits: Parameters<Federation['shape']>[2] = {},
): Promise<{ readonly acts: Acts; readonly name: string }> {
  federation = made;
  const acts = createActs(made);
  await made.link('lubeck', 'bergen');
  const name = await made.complete(acts.create('lubeck'));
  const rule = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
  await made.complete(acts.share({ ...rule, effect: 'allow' }));
  await made.complete(acts.append(name));
  made.shape('lubeck', 'bergen', traits);
  await made.run(5_000);
  await made.complete(acts.mirror('bergen', name));
  return { acts, name };
}

test('a resource that was made again and is still empty is taken up', async () => {
  const made = await createFederation({ seed: 1, clusters: ['lubeck', 'bergen'] });
  const { acts, name } = await mirroredNote(made);
  await made.run(5_000);
  await made.complete(acts.remove(name));
  await made.complete(acts.create('lubeck', name));
  await finish(made);
});

test('a mirror becomes current also where an answer takes longer than a beat', async () => {
  const made = await createFederation({ seed: 2, clusters: ['lubeck', 'bergen'] });
  await mirroredNote(made, { latencyMs: [1_100, 1_100] });
  const { sync } = made.cluster('bergen').services;
  await made.until(
    'the mirror is current',
    async () => (await sync.list({})).mirrors.every(({ state }) => state === 'current'),
    20_000,
  );
});

/** Collects, as if nothing were named, at the worst moment: when something has just arrived. */
function collecting(blobs: Blobs): Blobs {
  const eager = (receipt: BlobReceipt): BlobReceipt => ({
    ...receipt,
    async commit() {
      const info = await receipt.commit();
      await blobs.collect(async () => false);
      return info;
    },
  });
  return {
    ...blobs,
    receive: async (...given) => eager(await blobs.receive(...given)),
  };
}

test('a collection takes nothing of a batch that is under way', async () => {
  const options = { wrapBlobs: collecting };
  const made = await createFederation({ seed: 3, clusters: ['lubeck', 'bergen'], options });
  federation = made;
  const { crypto } = made;
  const acts = createActs(made);
  await made.link('lubeck', 'bergen');
  const name = await made.complete(acts.create('lubeck'));
  const rule = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
  await made.complete(acts.share({ ...rule, effect: 'allow' }));
  const { log, disk } = made.cluster('lubeck').services;
  const lines = ['first', 'second', 'third'].map((key) => ({
    key,
    text: key,
    attachment: `attached to ${key}`,
  }));
  const ops = await made.complete(noteOps({ blobs: disk.blobs, crypto }, lines));
  await made.complete(log.append(idOf(name), ops, { author: 'lubeck' }));
  const { sync } = made.cluster('bergen').services;
  const mirror = { resource: federatedName(made, 'lubeck', name) };
  await made.complete(sync.add(mirror));
  await made.until(
    'the mirror is current',
    async () => (await sync.show(mirror)).state === 'current',
    5_000,
  );
});

test('a resource that is shared again is pulled at once, not at the next attempt', async () => {
  const made = await createFederation({ seed: 4, clusters: ['lubeck', 'bergen'] });
  federation = made;
  const acts = createActs(made);
  await made.link('lubeck', 'bergen');
  const name = await made.complete(acts.create('lubeck'));
  const rule = {
    owner: 'lubeck',
    peer: 'bergen',
    name,
    verbs: ['see', 'pull'],
    effect: 'allow',
  } as const;
  const first = await made.complete(acts.share(rule));
  await made.complete(acts.mirror('bergen', name));
  const { sync } = made.cluster('bergen').services;
  const mirror = { resource: federatedName(made, 'lubeck', name) };
  const stands = (state: string) => async (): Promise<boolean> =>
    (await sync.show(mirror)).state === state;
  await made.until('the mirror is current', stands('current'), 5_000);
  await made.complete(acts.unshare(first));
  await made.until('the mirror is frozen', stands('frozen'), 5_000);
  await made.run(65_000); // by now it is tried again only twice a minute
  await made.complete(acts.share(rule));
  await made.until('the mirror is current again', stands('current'), 500);
});
