import { afterEach, expect, test } from 'vitest';
import { createActs, federatedName, type Acts } from '../../testkit/federation-acts.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import type { AskedRule } from '../../testkit/sharing-model.ts';
import type { Holding } from './contract.ts';

const dayMs = 24 * 3_600_000;

let federation: Federation | undefined;
afterEach(() => federation?.close());

interface Shared {
  readonly made: Federation;
  readonly acts: Acts;
  readonly name: string;
  readonly rule: AskedRule;
}

/** A note of lubeck's that bergen has mirrored and is current with. */
async function sharedNote(seed: number): Promise<Shared> {
  const made = await createFederation({ seed, clusters: ['lubeck', 'bergen'] });
  federation = made;
  const acts = createActs(made);
  await made.link('lubeck', 'bergen');
  const name = await made.complete(acts.create('lubeck'));
  const asked = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
  const rule = await made.complete(acts.share({ ...asked, effect: 'allow' }));
  await made.complete(acts.append(name));
  await made.complete(acts.mirror('bergen', name));
  await made.until(
    'the mirror is current',
    async () => (await stateOf(made, name)) === 'current',
    5_000,
  );
  await made.until(
    'lubeck knows',
    async () => (await holdings(made, true))[0]?.state === 'holds',
    10_000,
  );
  return { made, acts, name, rule };
}

async function stateOf(made: Federation, name: string): Promise<string | undefined> {
  const { mirrors } = await made.cluster('bergen').services.sync.list({});
  const resource = federatedName(made, 'lubeck', name);
  return mirrors.find((each) => each.resource === resource)?.state;
}

async function holdings(made: Federation, all = false): Promise<readonly Holding[]> {
  return (await made.cluster('lubeck').services.receipts.list({ all })).holdings;
}

/** At the mirror, whose clock alone decides; a day of beats would tell nothing more. */
async function aDayLater(made: Federation): Promise<void> {
  const bergen = made.cluster('bergen');
  await made.complete(bergen.stop());
  bergen.setSkew(dayMs);
  await made.complete(bergen.start());
}

const heldAs = (made: Federation, state: Holding['state']) => async (): Promise<boolean> =>
  (await holdings(made))[0]?.state === state;

test('a mirror whose resource is not shared any more freezes, is purged after a day, and says so', async () => {
  const { made, acts, rule } = await sharedNote(1);
  await made.complete(acts.unshare(rule));
  await made.until('it is frozen', heldAs(made, 'frozen'), 10_000);
  const { mirrors } = await made.cluster('bergen').services.sync.list({});
  expect(mirrors[0]).toMatchObject({ state: 'frozen', lastError: { code: 'MIRROR_FROZEN' } });
  const { sinceMs = 0, purgeAtMs = 0 } = mirrors[0]?.frozen ?? {};
  expect(purgeAtMs - sinceMs).toBe(dayMs);
});

test('after a day, nothing of it is left but a receipt over the last head, also across restarts', async () => {
  const { made, acts, name, rule } = await sharedNote(2);
  await made.complete(acts.unshare(rule));
  await made.until('it is frozen', heldAs(made, 'frozen'), 10_000);
  await made.restart('bergen');
  await made.restart('lubeck');
  const [before] = await holdings(made);
  expect(before?.state).toBe('frozen');
  await made.run(60_000);
  expect(await stateOf(made, name)).toBe('frozen');
  await aDayLater(made);
  await made.until('it is purged', heldAs(made, 'purged'), 180_000);
  const [after] = await holdings(made);
  expect(after?.receipt).toMatchObject({
    mirror: made.cluster('bergen').place.cluster,
    resource: federatedName(made, 'lubeck', name),
    outcome: 'purged',
    reason: '',
    epoch: before?.epoch,
    sequence: before?.sequence,
  });
  expect(await stateOf(made, name)).toBeUndefined();
  const blobs: string[] = [];
  for await (const { id } of made.cluster('bergen').disk.blobs.list()) {
    blobs.push(id);
  }
  expect(blobs).toEqual([]);
});

test('what is shared again before that follows again, as if nothing had been', async () => {
  const { made, acts, name, rule } = await sharedNote(3);
  await made.complete(acts.unshare(rule));
  await made.until('it is frozen', heldAs(made, 'frozen'), 10_000);
  const asked = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
  await made.complete(acts.share({ ...asked, effect: 'allow' }));
  await made.complete(acts.append(name));
  await made.until(
    'the mirror is current',
    async () => (await stateOf(made, name)) === 'current',
    10_000,
  );
  expect(await holdings(made)).toEqual([]);
  await aDayLater(made);
  await made.run(60_000);
  expect(await stateOf(made, name)).not.toBe('frozen');
});

test('hurried, the copy goes at once', async () => {
  const { made, acts, name, rule } = await sharedNote(4);
  await made.complete(acts.unshare(rule));
  const { receipts } = made.cluster('lubeck').services;
  const copies = [{ peer: 'bergen', resource: `note/${name}` }];
  const { holdings: said } = await made.complete(receipts.hurry({ copies }));
  expect(said).toMatchObject([{ state: 'purged', receipt: { outcome: 'purged' } }]);
});

test('hurried, a copy that is still shared is left alone; who is away is not waited for', async () => {
  const { made, acts, name, rule } = await sharedNote(9);
  const { receipts } = made.cluster('lubeck').services;
  const copies = [{ peer: 'bergen', resource: `note/${name}` }];
  const { holdings: kept } = await made.complete(receipts.hurry({ copies }));
  expect(kept).toMatchObject([{ state: 'holds' }]);
  made.crash('bergen');
  await made.run(60_000);
  await made.complete(acts.unshare(rule));
  const { holdings: said } = await made.complete(receipts.hurry({ copies }));
  expect(said).toMatchObject([{ state: 'untold' }]);
});

test('what a person at the mirror retains stays, and the owner is told why', async () => {
  const { made, acts, name, rule } = await sharedNote(5);
  await made.complete(acts.unshare(rule));
  await made.until('it is frozen', heldAs(made, 'frozen'), 10_000);
  const resource = federatedName(made, 'lubeck', name);
  const { receipts } = made.cluster('bergen').services;
  await made.complete(receipts.retain({ resource, reason: 'a dispute' }));
  await made.until('lubeck knows', heldAs(made, 'retained'), 60_000);
  await aDayLater(made);
  await made.run(60_000);
  expect(await stateOf(made, name)).toBe('frozen');
  expect((await holdings(made))[0]?.receipt).toMatchObject({
    outcome: 'retained',
    reason: 'a dispute',
  });
});

test('who is away is told when it is back; until then its silence is named', async () => {
  const { made, acts, rule } = await sharedNote(6);
  made.crash('bergen');
  await made.complete(acts.unshare(rule));
  await made.run(60_000);
  const [silent] = await holdings(made);
  expect(silent?.state).toBe('untold');
  expect(silent?.silentSinceMs).toBe(silent?.withdrawnMs);
  await made.restart('bergen');
  await made.until('it is frozen', heldAs(made, 'frozen'), 60_000);
});

test('an owner that is away, or has closed the link, has withdrawn nothing', async () => {
  const { made, acts, name } = await sharedNote(7);
  await made.complete(acts.unlink('lubeck', 'bergen'));
  await aDayLater(made);
  await made.run(60_000);
  expect(await stateOf(made, name)).toMatch(/waiting|absent/);
  expect(await holdings(made)).toEqual([]);
});

test('what the owner deletes is withdrawn as well', async () => {
  const { made, acts, name } = await sharedNote(8);
  await made.complete(acts.remove(name));
  await made.until('it is frozen', heldAs(made, 'frozen'), 30_000);
});
