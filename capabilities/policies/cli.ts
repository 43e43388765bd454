// `hansa share …` and `hansa why`: what people type, and what they see.
import {
  flagOption,
  localId,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  type Command,
  type CommandContext,
  type CommandOutput,
} from '@hansa/foundation';
import {
  directionWords,
  isOneResource,
  localSpelling,
  parseVerb,
  publicWord,
  ruleRequest,
} from './cli-draft.ts';
import { decisionRecord, planTable, rulesTable, ruleText, stack, text } from './cli-shown.ts';
import { policiesContract, verbs, type Decision, type Plan, type Policies } from './contract.ts';

const add: Command = {
  noun: 'share',
  verb: 'add',
  summary: 'Share resources with a peer or with everybody, or deny them.',
  args: [
    {
      name: '<resource>',
      description: 'a name or a pattern: hansa, git/hansa, "team-a/*", "team-a/**"',
    },
  ],
  options: [
    {
      flags: '--to <peer>',
      description: `name or id of the peer, or ${publicWord}`,
      required: true,
    },
    { flags: '--allow <verbs>', description: 'of see,pull,push; without it: see,pull (read-only)' },
    { flags: '--deny <verbs>', description: 'of see,pull,push; deny beats allow' },
    {
      flags: '--direction <direction>',
      description: 'pull is see,pull; push is see,push; bidirectional is all three',
      choices: directionWords,
    },
    { flags: '--expires <duration>', description: 'the rule ends by itself: 90s, 15m, 2h, 1d' },
    { flags: '--label <key=value...>', description: 'only resources with this label; repeatable' },
    { flags: '--type <type>', description: 'only resources of this type' },
    { flags: '--plan', description: 'show who would gain or lose what; change nothing' },
  ],
  examples: [
    'hansa share add hansa --to bergen',
    'hansa share add "team-a/**" --to bergen --allow see,pull,push --expires 2h --plan',
  ],
  async run(context) {
    const policies = policiesOf(context);
    const { signal } = context;
    const request = ruleRequest(context);
    const plan = await policies.plan({ add: request }, { signal });
    if (flagOption(context, 'plan')) {
      return planned(plan, respelled(context));
    }
    const data = await policies.add(request, { signal });
    return {
      data,
      view: stack(text(`Rule ${data.id}: ${ruleText(data)}.`), planTable(plan)),
      next: [...whyHint(context), 'hansa share list'],
    };
  },
};

/** The same command without --plan. */
function respelled(context: CommandContext): string {
  const { resource = '' } = context.args;
  const given = ['to', 'allow', 'deny', 'direction', 'expires', 'type', 'label'].flatMap((flag) => {
    const value = context.options[flag];
    const values = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
    return values.map((each) => `--${flag} ${quoted(each)}`);
  });
  return ['hansa share add', quoted(resource), ...given].join(' ');
}

/** Stars are the shell's, too. */
function quoted(word: string): string {
  return /^[\w./=,:@-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The most useful question about a new rule, where it is about one resource and one peer. */
function whyHint(context: CommandContext): readonly string[] {
  const resource = requiredArgument(context, 'resource');
  const to = textOption(context, 'to') ?? publicWord;
  return to === publicWord || !isOneResource(resource) ? [] : [`hansa why ${to} pull ${resource}`];
}

function planned(data: Plan, next: string): CommandOutput {
  const view = stack(planTable(data), text('This is a plan: nothing was changed.'));
  return { data, view, next: [next] };
}

const list: Command = {
  noun: 'share',
  verb: 'list',
  summary: 'List the rules: who may see, pull and push what.',
  examples: ['hansa share list'],
  async run(context) {
    const data = await policiesOf(context).list({}, { signal: context.signal });
    const none = data.rules.length === 0;
    return {
      data,
      view: rulesTable(data.rules),
      next: [none ? 'hansa share add <resource> --to <peer>' : 'hansa why <peer> pull <resource>'],
    };
  },
};

const remove: Command = {
  noun: 'share',
  verb: 'remove',
  summary: 'Remove a rule; what it alone allowed is no longer served from this moment.',
  args: [{ name: '<rule>', description: 'the id that hansa share list shows' }],
  options: [
    { flags: '--plan', description: 'show who would gain or lose what; change nothing' },
    { flags: '--yes', description: 'remove it without being asked' },
  ],
  examples: ['hansa share remove r-1f2e3d4c --plan', 'hansa share remove r-1f2e3d4c --yes'],
  async run(context) {
    const policies = policiesOf(context);
    const { signal } = context;
    const id = requiredArgument(context, 'rule');
    const plan = await policies.plan({ remove: id }, { signal });
    if (flagOption(context, 'plan')) {
      return planned(plan, `hansa share remove ${id}`);
    }
    await requireYes(context, `Remove rule ${id}? ${consequence(plan)}`);
    const data = await policies.remove({ id }, { signal });
    return {
      data,
      view: stack(text(`Removed rule ${id}: ${ruleText(data)}.`), planTable(plan)),
      next: ['hansa share list'],
    };
  },
};

function consequence({ rows, truncated }: Plan): string {
  const count = (change: 'gains' | 'loses'): string => {
    const named = rows.filter((row) => row.change === change);
    const peers = [...new Set(named.map(({ peerName }) => peerName))].join(', ');
    return named.length === 0 ? '' : `${peers} ${change} access to ${named.length} resource(s). `;
  };
  const told = `${count('loses')}${count('gains')}${truncated ? 'And more. ' : ''}`;
  return told === '' ? 'Nobody gains or loses anything now.' : told.trim();
}

const why: Command = {
  noun: 'why',
  summary: 'Explain whether a peer may do something with a resource, and by which rule.',
  args: [
    { name: '<peer>', description: 'name or id of the peer' },
    { name: '<verb>', description: verbs.join(', ') },
    { name: '<resource>', description: 'a name, or <kind>/<name>' },
  ],
  examples: ['hansa why bergen pull hansa', 'hansa why visby see git/hansa'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const verb = parseVerb(requiredArgument(context, 'verb'));
    const { kind, name } = localSpelling(requiredArgument(context, 'resource'));
    const data = await policiesOf(context).why(
      { peer, verb, resource: localId(kind, name) },
      { signal: context.signal },
    );
    return { data, view: decisionRecord(data, peer), next: afterDecision(data, peer) };
  },
};

function afterDecision(
  { allowed, rule, resource, verb }: Decision,
  peer: string,
): readonly string[] {
  if (allowed) {
    return ['hansa share list'];
  }
  if (rule?.effect === 'deny') {
    return [`hansa share remove ${rule.id} --plan`];
  }
  const wanted = verb === 'push' ? ' --direction push' : '';
  return [`hansa share add ${resource} --to ${peer}${wanted} --plan`, `hansa link show ${peer}`];
}

export const policiesCommands: readonly Command[] = [add, list, remove, why];

function policiesOf({ carrier }: CommandContext): Policies {
  return remote(policiesContract, carrier);
}
