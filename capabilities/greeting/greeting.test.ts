import { createMsgpackCodec } from '@hansa/codec-msgpack';
import type { CommandContext } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { createGreetingCapability } from './capability.ts';
import { greetingCommands } from './cli.ts';
import { greetingContract, type Greeting } from './contract.ts';
import { greetingSuite } from './greeting.suite.ts';
import { createGreeting } from './service.ts';

function makeNeeds() {
  return { store: createMemoryStore({ clock: createHandClock() }), codec: createMsgpackCodec() };
}

const everyRoad = roads<Greeting>(greetingContract, () => createGreeting(makeNeeds()));
everyRoad.forEach(greetingSuite);

test('the node is handed one contract and nothing to run', () => {
  const made = createGreetingCapability(makeNeeds());
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['greeting']);
  expect(made.duties).toEqual([]);
});

test('the command shows the words and gives the whole answer as data', async () => {
  const greeted = { name: 'Ada', words: 'Hello, Ada.', count: 1 };
  const context: CommandContext = {
    carrier: {
      call: async () => greeted,
      watch: () => expect.fail('no watch is needed'),
    },
    args: { name: 'Ada' },
    options: {},
    signal: new AbortController().signal,
    confirm: async () => false,
    progress: () => undefined,
    wait: async () => undefined,
  };
  await expect(greetingCommands[0]?.run(context)).resolves.toEqual({
    data: greeted,
    view: { kind: 'text', text: 'Hello, Ada.' },
  });
});
