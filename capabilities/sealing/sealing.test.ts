import { HansaError } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { roads } from '../../testkit/roads.ts';
import { sealingCommands } from './cli.ts';
import { sealingContract, type NewKey, type Sealing, type SealStatus } from './contract.ts';
import type { Seals } from './seals.ts';
import { createSealing } from './service.ts';

interface Acts {
  readonly rewrapped: NewKey[];
  pieces: number;
  ended: number;
  failing: boolean;
}

/** Three pieces of ten records each. */
function sealsOf(acts: Acts): Seals {
  let version = 1;
  let rotating = false;
  return {
    state: () => ({ by: 'key', version, madeMs: 1_000 * version, rotating }),
    async rewrap(to) {
      acts.rewrapped.push(to);
    },
    async beginRotation() {
      version += rotating ? 0 : 1;
      rotating = true;
    },
    async reseal(after) {
      if (acts.failing) {
        throw new HansaError('STORE_DAMAGED', 'a record was changed');
      }
      acts.pieces += 1;
      const next = (after?.[0] ?? 0) + 1;
      return next === 3
        ? { looked: 10, records: 30 }
        : { looked: 10, records: 30, after: Uint8Array.of(next) };
    },
    async endRotation() {
      rotating = false;
      acts.ended += 1;
    },
  };
}

const newActs = (): Acts => ({ rewrapped: [], pieces: 0, ended: 0, failing: false });

describe('sealing', () => {
  for (const road of roads<Sealing>(
    sealingContract,
    () => createSealing(sealsOf(newActs())).sealing,
  )) {
    test(`${road.name} tells what seals, and that a rotation has begun`, async () => {
      const { service, close } = await road.make();
      const sealed = { sealed: true, by: 'key', version: 1, madeMs: 1_000 };
      await expect(service.status({})).resolves.toEqual(sealed);
      await expect(service.rotate({})).resolves.toMatchObject({
        version: 2,
        rotation: { done: 0, total: 0 },
      });
      await close();
    });
  }

  test('without a key says that nothing is sealed, and has nothing to change', async () => {
    const { sealing, run } = createSealing(undefined);
    await expect(sealing.status({})).resolves.toEqual({ sealed: false });
    await expect(sealing.rotate({})).rejects.toMatchObject({ code: 'SEAL_OFF' });
    await expect(sealing.rewrap({ keyFile: '/k' })).rejects.toMatchObject({ code: 'SEAL_OFF' });
    await run(new AbortController().signal);
  });

  test('a rotation seals piece by piece to its end, once for each time it is asked', async () => {
    const acts = newActs();
    const { sealing, run } = createSealing(sealsOf(acts));
    const stop = new AbortController();
    const running = run(stop.signal);
    await sealing.rotate({});
    await expect.poll(() => acts.ended).toBe(1);
    expect(acts.pieces).toBe(3);
    await expect(sealing.status({})).resolves.not.toHaveProperty('rotation');
    await sealing.rotate({});
    await expect.poll(() => acts.ended).toBe(2);
    stop.abort();
    await running;
  });

  test('a rotation that was broken off goes on with the next start', async () => {
    const acts = newActs();
    const seals = sealsOf(acts);
    await seals.beginRotation();
    const stop = new AbortController();
    const running = createSealing(seals).run(stop.signal);
    await expect.poll(() => acts.ended).toBe(1);
    stop.abort();
    await running;
  });

  test('a rotation that cannot go on says why, and forgets no key', async () => {
    const acts = { ...newActs(), failing: true };
    const { sealing, run } = createSealing(sealsOf(acts));
    await sealing.rotate({});
    const failed = run(new AbortController().signal);
    await expect(failed).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(sealing.status({})).resolves.toMatchObject({
      rotation: { problem: 'a record was changed' },
    });
    expect(acts.ended).toBe(0);
  });

  test.each<[string, NewKey]>([
    ['no key', {}],
    ['two keys', { keyFile: '/a', ageIdentityFile: '/b' }],
    ['a path from wherever the node runs', { keyFile: '../seal.key' }],
    ['a path with a control character', { keyFile: '/a\nb' }],
  ])('refuses %s as the new one', (_what, input) => {
    expect(sealingContract.methods.rewrap.input.safeParse(input).success).toBe(false);
  });
});

const sealed: SealStatus = { sealed: true, by: 'age', version: 2, madeMs: 1_700_000_000_000 };
const run = (name: string, line: CommandLine, calls: (readonly [string, unknown])[] = []) =>
  runCommand(
    commandNamed(
      sealingCommands((path) => (path.startsWith('/') ? path : `/here/${path}`)),
      name,
    ),
    line,
    calls,
  );

describe('hansa seal', () => {
  test('status shows what seals, and how a rotation goes', async () => {
    const rotation = { done: 10, total: 30, problem: 'a record was changed' };
    const { shown } = await run('seal status', {
      answers: { 'sealing.status': { ...sealed, rotation } },
    });
    expect(shown).toContain('an age identity');
    expect(shown).toContain('10 of 30 records; it is tried again: a record was changed');
  });

  test('status says that nothing is sealed, and how it would be', async () => {
    const { shown, output } = await run('seal status', {
      answers: { 'sealing.status': { sealed: false } },
    });
    expect(shown).toContain('Nothing is sealed');
    expect(output.next).toEqual(['hansa down && hansa up --seal-key-file <file>']);
  });

  test('rewrap names the flag that the next start needs', async () => {
    const calls: (readonly [string, unknown])[] = [];
    const { output } = await run(
      'seal rewrap',
      {
        answers: { 'sealing.rewrap': sealed },
        options: { ageIdentity: '/etc/age.txt', yes: true },
      },
      calls,
    );
    expect(calls).toEqual([['sealing.rewrap', { ageIdentityFile: '/etc/age.txt' }]]);
    expect(output.next).toEqual(['hansa down && hansa up --seal-age-identity /etc/age.txt']);
  });

  test('rewrap takes a path from where the person is', async () => {
    const line = { answers: { 'sealing.rewrap': sealed }, options: { keyFile: 'k', yes: true } };
    const { calls, output } = await run('seal rewrap', line);
    expect(calls).toEqual([['sealing.rewrap', { keyFile: '/here/k', ageIdentityFile: undefined }]]);
    expect(output.next).toEqual(['hansa down && hansa up --seal-key-file /here/k']);
  });

  test('rewrap without a key is not understood, and rotate without --yes is not done', async () => {
    await expect(run('seal rewrap', { answers: {} })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(run('seal rotate', { answers: {} })).rejects.toMatchObject({
      code: 'NOT_CONFIRMED',
    });
  });
});
