// Who kills processes at moments that nobody chose: the same moments, near enough, for the same
// seed.
import { setTimeout as later } from 'node:timers/promises';
import { createSeededRandom, type SeededRandom } from '../../../testkit/seeded-random.ts';

/** From HANSA_SEED, or another one each time; printed, so that a failure can be tried again. */
export function nemesisRandom(of: string): SeededRandom {
  const given = process.env['HANSA_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  process.stdout.write(`${of}: HANSA_SEED=${seed}\n`);
  return createSeededRandom(seed).fork(of);
}

/** The one place where a test lets time pass: a moment that is as likely as any other. */
export function someMoment(random: SeededRandom, withinMs: number): Promise<void> {
  return later(random.between(0, withinMs));
}
