// `hansa namespace …`: what people type, and what they see.
import {
  HansaError,
  labelOption,
  remote,
  requiredArgument,
  requireYes,
  spelledResource,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { namespacesContract, type Namespace, type Namespaces } from './contract.ts';

const anyArgument = { name: '<namespace>', description: 'a name, or <peer>:<name> for a mirror' };

const add: Command = {
  noun: 'namespace',
  verb: 'add',
  summary: 'Say which addresses of signals belong together, and whose they are.',
  args: [
    { name: '<name>', description: 'what it is called here, and by whom it is shared with' },
    { name: '<pattern...>', description: 'its addresses, as in /bergen/**' },
  ],
  options: [
    { flags: '--of <peer>', description: 'the cluster whose addresses they are (default: ours)' },
    { flags: '--description <text>', description: 'one line for the catalog' },
    { flags: '--label <key=value...>', description: 'for selecting it in rules; repeatable' },
  ],
  examples: [
    "hansa namespace add bergen '/bergen/**'",
    "hansa namespace add visby '/visby/**' --of visby",
  ],
  async run(context) {
    const data = await namespacesOf(context).add(
      {
        name: requiredArgument(context, 'name'),
        patterns: patternsOf(context),
        ...given('of', textOption(context, 'of')),
        ...given('description', textOption(context, 'description')),
        ...given('labels', labelOption(context, 'label')),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`${data.patterns.join(', ')} is of ${data.clusterName}.`),
      next: [`hansa share add namespace/${data.name} --to <peer>`, 'hansa signal peers'],
    };
  },
};

const list: Command = {
  noun: 'namespace',
  verb: 'list',
  summary: 'List own namespaces and mirrors, and whose addresses they are.',
  examples: ['hansa namespace list'],
  async run(context) {
    const data = await namespacesOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['NAMESPACE', 'ROLE', 'OF', 'PATTERNS'],
        rows: data.namespaces.map((one) => [
          spelledResource(one),
          one.role,
          one.clusterName,
          patternsText(one),
        ]),
        empty: 'No namespaces yet.',
      },
      next: data.namespaces.length === 0 ? ["hansa namespace add <name> '/<site>/**'"] : [],
    };
  },
};

const show: Command = {
  noun: 'namespace',
  verb: 'show',
  summary: 'Show one namespace.',
  args: [anyArgument],
  examples: ['hansa namespace show visby:visby'],
  async run(context) {
    const namespace = requiredArgument(context, 'namespace');
    const data = await namespacesOf(context).show({ namespace }, { signal: context.signal });
    return { data, view: viewOf(data) };
  },
};

const remove: Command = {
  noun: 'namespace',
  verb: 'remove',
  summary: 'Remove an own namespace; from then on it is carried nowhere.',
  args: [{ name: '<namespace>', description: 'an own namespace' }],
  options: [{ flags: '--yes', description: 'remove it without being asked' }],
  examples: ['hansa namespace remove bergen --yes'],
  async run(context) {
    const namespace = requiredArgument(context, 'namespace');
    await requireYes(context, `Remove ${namespace}, so that nobody is told of its addresses?`);
    const data = await namespacesOf(context).remove({ namespace }, { signal: context.signal });
    return { data, view: textView(`Removed ${data.name}.`), next: ['hansa namespace list'] };
  },
};

export const namespaceCommands: readonly Command[] = [add, list, show, remove];

function namespacesOf({ carrier }: CommandContext): Namespaces {
  return remote(namespacesContract, carrier);
}

function patternsOf(context: CommandContext): readonly string[] {
  const words: unknown = context.args['pattern'];
  if (!Array.isArray(words) || words.length === 0) {
    throw new HansaError('USAGE', '<pattern> is missing', { fix: 'see --help' });
  }
  return words.map(String);
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

function patternsText({ patterns, outdone }: Namespace): string {
  return [...patterns, ...outdone.map((pattern) => `${pattern} (taken)`)].join(', ');
}

function viewOf(one: Namespace): CommandView {
  return {
    kind: 'record',
    fields: [
      ['namespace', spelledResource(one)],
      ['role', one.role],
      ['of', one.clusterName],
      ['patterns', patternsText(one)],
      ['resource', one.resource],
    ],
  };
}
