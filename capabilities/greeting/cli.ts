// `hansa greeting`: what people type, and what they see.
import { remote, type Command } from '@hansa/foundation';
import { greetingContract } from './contract.ts';

const say: Command = {
  noun: 'greeting',
  verb: 'say',
  summary: 'Greet somebody by name.',
  args: [{ name: '<name>', description: 'whom to greet' }],
  examples: ['hansa greeting say Ada'],
  async run({ carrier, args, signal }) {
    const greeting = remote(greetingContract, carrier);
    const data = await greeting.greet({ name: args['name'] ?? '' }, { signal });
    return { data, view: { kind: 'text', text: data.words } };
  },
};

export const greetingCommands: readonly Command[] = [say];
