// What `hansa registry` asks and shows.
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { servicesCommands } from './cli.ts';

const printed: string[] = [];
const commands = servicesCommands({
  me: 'host/1',
  clock: createHandClock(),
  run: async () => 4,
  print: async (_item, line) => void printed.push(line),
});
const run = (words: string, line: CommandLine) => runCommand(commandNamed(commands, words), line);
const args = { service: 'billing', instance: 'b1' };
const instance = {
  ...args,
  token: 7,
  address: 'h',
  port: 80,
  version: '1.2',
  tags: ['eu'],
  metadata: { zone: 'z' },
  weight: 100,
  health: 'passing',
  sinceMs: 0,
  ttlSeconds: 30,
};
const options = { address: 'h', port: '80', tag: ['eu'], metadata: ['zone=z'], ttl: '1m' };

test('register sends all that was said', async () => {
  const answers = { 'registry.register': instance };
  const { calls, shown } = await run('registry register', { args, options, answers });
  expect(calls[0]?.[1]).toEqual({
    ...args,
    address: 'h',
    port: 80,
    tags: ['eu'],
    metadata: { zone: 'z' },
    ttlSeconds: 60,
  });
  expect(shown).toBe('Registered as 7, for 30 s unless heard of.');
});

test('run is registered for as long as its program runs', async () => {
  const { calls, output } = await run('registry run', {
    args: { ...args, command: ['serve'] } as unknown as Record<string, string>,
    options,
    answers: {
      'registry.register': instance,
      'registry.heartbeat': { ttlSeconds: 30 },
      'registry.deregister': { ...args, token: 7 },
    },
  });
  expect(output.exit).toBe(4);
  expect(calls.at(-1)).toEqual(['registry.deregister', { ...args, token: 7 }]);
  await expect(run('registry run', { args, options, answers: {} })).rejects.toMatchObject({
    code: 'USAGE',
  });
});

test('heartbeat and deregister name the registration', async () => {
  const token = { token: '7', health: 'warning' };
  const heartbeat = await run('registry heartbeat', {
    args,
    options: token,
    answers: { 'registry.heartbeat': { ttlSeconds: 30 } },
  });
  expect(heartbeat.calls[0]?.[1]).toEqual({ ...args, token: 7, health: 'warning' });
  const answers = { 'registry.deregister': { ...args, token: 7 } };
  const gone = await run('registry deregister', { args, options: token, answers });
  expect(gone.shown).toBe('b1 of billing is gone.');
  await expect(
    run('registry deregister', { args, options: { token: '' }, answers }),
  ).rejects.toMatchObject({ code: 'USAGE' });
});

test('discover, watch and list tell what there is', async () => {
  const found = { instances: [instance] };
  const discover = await run('registry discover', {
    args,
    options: { tag: ['eu'], version: '1', health: 'any', limit: '5' },
    answers: { 'registry.discover': found },
  });
  expect(discover.calls[0]?.[1]).toEqual({
    service: 'billing',
    tags: ['eu'],
    version: '1',
    health: 'any',
    limit: 5,
  });
  expect(discover.shown).toContain('b1|h:80|1.2|passing|eu|100');
  const seen = [found, { instances: [] }];
  await run('registry watch', { args, answers: { 'registry.watch': seen } });
  expect(printed).toEqual(['b1=h:80', 'no instance']);
  const services = [{ service: 'billing', instances: 1, passing: 1 }];
  const list = await run('registry list', { answers: { 'registry.list': { services } } });
  expect(list.shown).toContain('billing|1|1');
});
