// `hansa repo protect` and `hansa repo sign`: refs that only delegates move.
import {
  countOption,
  HansaError,
  listOption,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { forgeContract, type Forge, type Protection } from './contract.ts';

export const protect: Command = {
  noun: 'repo',
  verb: 'protect',
  summary: 'Let a ref move only when enough of its delegates have signed the move.',
  args: [
    { name: '<name>', description: 'a repository of this cluster' },
    { name: '<ref>', description: 'a full ref name, or its beginning and "*"' },
  ],
  options: [
    { flags: '--delegate <key...>', description: 'a public key that may sign; repeatable' },
    { flags: '--threshold <count>', description: 'how many must sign', default: '1' },
    { flags: '--none', description: 'take the protection away' },
    { flags: '--yes', description: 'change it without being asked' },
  ],
  examples: [
    'hansa repo protect hansa refs/heads/main --delegate <key> --delegate <key> --threshold 2',
    'hansa repo protect hansa refs/heads/main --none --yes',
  ],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const pattern = requiredArgument(context, 'ref');
    const forge = forgeOf(context);
    const { signal } = context;
    const { protections: before } = await forge.show({ name }, { signal });
    const others = before.filter((each) => each.pattern !== pattern);
    const wanted = wantedProtection(context, pattern);
    const protections = wanted === undefined ? others : [...others, wanted];
    await requireYes(
      context,
      wanted === undefined
        ? `Let ${pattern} of ${name} move without signatures?`
        : `Let ${pattern} of ${name} move only with ${wanted.threshold} signature(s)?`,
    );
    const data = await forge.protect({ name, protections }, { signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['REF', 'THRESHOLD', 'DELEGATES'],
        rows: data.protections.map((each) => [
          each.pattern,
          `${each.threshold} of ${each.delegates.length}`,
          each.delegates.map((key) => key.slice(0, 8)).join(' '),
        ]),
        empty: 'No protected refs.',
      },
      next: wanted === undefined ? [] : [`hansa repo sign ${name} ${pattern} <object>`],
    };
  },
};

function wantedProtection(context: CommandContext, pattern: string): Protection | undefined {
  const delegates = listOption(context, 'delegate');
  if (context.options['none'] === true) {
    return undefined;
  }
  if (delegates.length === 0) {
    throw new HansaError('USAGE', 'name at least one --delegate, or take it away with --none');
  }
  const threshold = countOption(context, 'threshold', 1) ?? 1;
  return { pattern, threshold, delegates: [...new Set(delegates)] };
}

export const sign: Command = {
  noun: 'repo',
  verb: 'sign',
  summary: 'Sign, as a delegate, that a protected ref may move from where it is now.',
  args: [
    { name: '<name>', description: 'a repository, or <peer>:<name> for a mirror' },
    { name: '<ref>', description: 'the ref that is to move' },
    { name: '<object>', description: 'the object id it is to point at' },
  ],
  options: [
    { flags: '--delegate <key>', description: 'whose signature it is (default: this cluster’s)' },
    { flags: '--signature <hex>', description: 'made elsewhere, over transcript hansa/ref-move/1' },
  ],
  examples: [
    'hansa repo sign lubeck:hansa refs/heads/main 0123456789abcdef0123456789abcdef01234567',
  ],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await forgeOf(context).sign(
      {
        name,
        ref: requiredArgument(context, 'ref'),
        to: requiredArgument(context, 'object'),
        delegate: textOption(context, 'delegate'),
        signature: textOption(context, 'signature'),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: {
        kind: 'text',
        text: `Signed: ${data.ref} may move from ${data.from || 'nothing'} to ${data.to}.`,
      },
      next: [name.includes(':') ? `hansa lane show ${name}` : `hansa repo show ${name}`],
    };
  },
};

function forgeOf({ carrier }: CommandContext): Forge {
  return remote(forgeContract, carrier);
}
