import { afterEach, expect, test } from 'vitest';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import type { IssuedToken } from './contract.ts';

const connectedWithinMs = 30_000; // the promise for a cluster that is connected
const backWithinMs = 5_000; // and for one whose link is back

let federation: Federation | undefined;
afterEach(() => federation?.close());

/** lubeck, whose tokens bergen and visby honour. */
async function honouring(seed: number): Promise<Federation> {
  const made = await createFederation({ seed, clusters: ['lubeck', 'bergen', 'visby'] });
  federation = made;
  for (const name of ['bergen', 'visby']) {
    await made.link('lubeck', name);
    const { tokens } = made.cluster(name).services;
    await made.complete(tokens.honour({ peer: idOf(made, 'lubeck'), caps: ['app:*'] }));
  }
  return made;
}

function idOf(made: Federation, name: string): string {
  return made.cluster(name).place.cluster;
}

function issue(made: Federation): Promise<IssuedToken> {
  const { tokens } = made.cluster('lubeck').services;
  return made.complete(tokens.issue({ audience: ['bearer'], caps: ['app:ledger'] }));
}

async function verdict(made: Federation, name: string, { token }: IssuedToken): Promise<string> {
  const { usable, problem } = await made.complete(
    made.cluster(name).services.tokens.check({ token }),
  );
  return usable ? 'usable' : (problem?.code ?? '');
}

async function revoke(made: Federation, { jti }: IssuedToken): Promise<void> {
  await made.complete(made.cluster('lubeck').services.tokens.revoke({ jti }));
}

function untilRevoked(
  made: Federation,
  name: string,
  given: IssuedToken,
  ms: number,
): Promise<void> {
  const what = `${name} refuses it`;
  return made.until(what, async () => (await verdict(made, name, given)) === 'TOKEN_REVOKED', ms);
}

async function untilConnected(made: Federation, name: string): Promise<void> {
  const peer = idOf(made, 'lubeck');
  const connected = async (): Promise<boolean> => {
    const { links } = await made.cluster(name).links();
    const link = links.find((each) => each.peer === peer);
    return link?.status === 'live' || link?.status === 'idle';
  };
  await made.until(`${name} is connected`, connected, 120_000);
}

test.each([1, 2, 3])(
  'seed %i: a revocation is everywhere at once, and where a link is back soon after',
  async (seed) => {
    const made = await honouring(seed);
    const first = await issue(made);
    const second = await issue(made);
    expect(await verdict(made, 'bergen', first)).toBe('usable');
    made.partition('lubeck', 'bergen');
    await revoke(made, first);
    await untilRevoked(made, 'visby', first, connectedWithinMs);
    await made.run(60_000);
    expect(await verdict(made, 'bergen', first)).toBe('usable');
    made.heal('lubeck', 'bergen');
    await untilConnected(made, 'bergen');
    await untilRevoked(made, 'bergen', first, backWithinMs);
    expect(await verdict(made, 'bergen', second)).toBe('usable');
    await revoke(made, second);
    await untilRevoked(made, 'bergen', second, connectedWithinMs);
  },
);

test('what a cluster has heard it knows after a crash, with whoever said so away', async () => {
  const made = await honouring(4);
  const token = await issue(made);
  await revoke(made, token);
  await untilRevoked(made, 'bergen', token, connectedWithinMs);
  made.crash('lubeck');
  made.crash('bergen');
  await made.restart('bergen');
  expect(await verdict(made, 'bergen', token)).toBe('TOKEN_REVOKED');
});

test('a cluster that was down while it was said hears of it when it is back', async () => {
  const made = await honouring(5);
  const token = await issue(made);
  made.crash('bergen');
  await revoke(made, token);
  await made.restart('bergen');
  await untilConnected(made, 'bergen');
  await untilRevoked(made, 'bergen', token, backWithinMs);
});
