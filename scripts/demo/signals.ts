// A light is set in bergen and seen in visby, which are not linked: lubeck, between them, carries
// what both let it.
import { begin, passed, say, showOutput } from './narrator.ts';
import { require, until } from './failure.ts';
import type { Name } from './clusters.ts';
import type { Stage } from './federation.ts';

const light = '/bergen/light';
const seenWithinMs = 30_000;

export async function lightFromBergen(stage: Stage): Promise<void> {
  const { shell } = stage;
  begin('A light is set in bergen and seen in visby, by way of lubeck');
  say('bergen says which addresses are its own, and lets lubeck see them; lubeck lets visby:');
  await addNamespace(stage, 'bergen', []);
  await share(stage, 'bergen', 'lubeck');
  await addNamespace(stage, 'lubeck', ['--of', 'bergen']);
  await share(stage, 'lubeck', 'visby');
  const { mirrors } = (await shell.look('visby', 'mirror', 'list')) as {
    mirrors: { name: string }[];
  };
  if (!mirrors.some(({ name }) => name === 'bergen')) {
    await shell.hansa('visby', 'mirror', 'add', 'lubeck:namespace/bergen');
  }
  const value = Math.round(Math.random() * 1_000) / 1_000;
  await shell.hansa('bergen', 'signal', 'set', light, String(value));
  const startedMs = performance.now();
  await until(`visby sees the light at ${value}`, seenWithinMs, async () => {
    const seen = await valueIn(stage, 'visby');
    return seen === value ? seen : undefined;
  });
  await shell.hansa('visby', 'signal', 'get', light);
  showOutput(`${light} = ${value}, ${Math.round(performance.now() - startedMs)} ms later`);
  const refused = await shell.hansaFailing('visby', 'signal', 'set', light, '0');
  require(refused.code === 'SIGNAL_FORBIDDEN', `refused with ${refused.code} instead`);
  passed('visby sees what bergen sets, and sets nothing there itself');
}

async function addNamespace({ shell }: Stage, at: Name, whose: readonly string[]): Promise<void> {
  const { namespaces } = (await shell.look(at, 'namespace', 'list')) as {
    namespaces: { name: string; role: string }[];
  };
  if (!namespaces.some(({ name, role }) => name === 'bergen' && role === 'own')) {
    await shell.hansa(at, 'namespace', 'add', 'bergen', '/bergen/**', ...whose);
  }
}

async function share({ shell }: Stage, from: Name, to: Name): Promise<void> {
  const { rules } = (await shell.look(from, 'share', 'list')) as {
    rules: { resources: { kind?: string; name?: string } }[];
  };
  const isShared = rules.some(
    ({ resources: { kind, name } }) => kind === 'namespace' && name === 'bergen',
  );
  if (!isShared) {
    await shell.hansa(from, 'share', 'add', 'namespace/bergen', '--to', to);
  }
}

async function valueIn({ shell }: Stage, at: Name): Promise<unknown> {
  try {
    return ((await shell.look(at, 'signal', 'get', light)) as { value: unknown }).value;
  } catch {
    return undefined; // nothing stands there yet
  }
}
