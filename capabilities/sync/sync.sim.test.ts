import { afterEach, test } from 'vitest';
import { createActs } from '../../testkit/federation-acts.ts';
import { finish } from '../../testkit/federation-ending.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { playSeeds } from '../../testkit/simulation.ts';

let federation: Federation | undefined;
afterEach(() => federation?.close());

test('quiet clusters under equal policy hold equal digests, and nobody gets what is not shared', async () => {
  await playSeeds('days');
});

test('a crash of either side loses nothing that was acknowledged and applies nothing twice', async () => {
  await playSeeds('crashes');
});

test('what was changed on the way is never applied, and comes again until it is right', async () => {
  await playSeeds('flips');
});

test('slow and reordered streams delay mirrors and break none', async () => {
  await playSeeds('slow');
});

test('a resource that is removed and made again is mirrored in its new epoch', async () => {
  await playSeeds('epochs');
});

test('a resource that was made again and is still empty is taken up', async () => {
  federation = await createFederation({ seed: 1, clusters: ['lubeck', 'bergen'] });
  const acts = createActs(federation);
  await federation.link('lubeck', 'bergen');
  const name = await federation.complete(acts.create('lubeck'));
  const rule = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
  await federation.complete(acts.share({ ...rule, effect: 'allow' }));
  await federation.complete(acts.append(name));
  await federation.complete(acts.mirror('bergen', name));
  await federation.run(5_000);
  await federation.complete(acts.remove(name));
  await federation.complete(acts.create('lubeck', name));
  await finish(federation);
});
