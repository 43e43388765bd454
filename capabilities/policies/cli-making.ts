// Rules made, shown and removed: `hansa share`, the front door, and `hansa policy`, which can say
// everything that a rule can.
import {
  flagOption,
  listOption,
  remote,
  requiredArgument,
  shellWord,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { directionWords, isOneResource, publicWord, ruleRequest } from './cli-draft.ts';
import { hurryMirrors } from './cli-withdrawing.ts';
import { rulesTable, ruleText, stack } from './cli-shown.ts';
import {
  foresee,
  foreseenView,
  policiesContract,
  requireConsent,
  type Foreseen,
  type Plan,
  type Policies,
} from './contract.ts';

type Noun = 'share' | 'policy';

const planOption: CommandOption = {
  flags: '--plan',
  description: 'show who would gain or lose what; change nothing',
};
const resourceArgument = {
  name: '<resource>',
  description:
    'a name or a pattern: hansa, git/hansa, "team-a/*", "team-a/**"; of a mirror: peer:name',
};
const ruleOptions: readonly CommandOption[] = [
  { flags: '--allow <verbs>', description: 'of see,pull,push; without it: see,pull (read-only)' },
  { flags: '--deny <verbs>', description: 'of see,pull,push; deny beats limit beats allow' },
  {
    flags: '--direction <direction>',
    description: 'pull and read-only are see,pull; push is see,push; bidirectional is all three',
    choices: directionWords,
  },
  { flags: '--expires <duration>', description: 'the rule ends by itself: 90s, 15m, 2h, 1d' },
  { flags: '--label <key=value...>', description: 'only resources with this label; repeatable' },
  { flags: '--type <type>', description: 'only resources of this type' },
];
const limitOptions: readonly CommandOption[] = [
  {
    flags: '--limit <verbs>',
    description: 'of see,pull,push: what these peers may, within limits',
  },
  { flags: '--residency <key=values...>', description: 'peers carry the label: region=eu,se' },
  { flags: '--budget <bytes/window>', description: 'served to each such peer: 10MiB/1h' },
  { flags: '--ends <duration>', description: 'from then on, nothing' },
];
const toOption = `name or id of the peer, or ${publicWord}, trusted, token`;
const shareOptions: readonly CommandOption[] = [
  { flags: '--to <peer>', description: toOption, required: true },
  ...ruleOptions,
];
const policyOptions: readonly CommandOption[] = [
  { flags: '--to <peer>', description: toOption },
  { flags: '--to-label <key=value...>', description: 'peers whose links carry this label' },
  ...ruleOptions,
  ...limitOptions,
];

const shareAdd: Command = {
  noun: 'share',
  verb: 'add',
  summary: 'Share resources with a peer or with everybody, or deny them.',
  args: [resourceArgument],
  options: [...shareOptions, planOption],
  examples: [
    'hansa share add hansa --to bergen',
    'hansa share add "team-a/**" --to bergen --allow see,pull,push --expires 2h --plan',
  ],
  run: (context) => add('share', context),
};

const policyAdd: Command = {
  noun: 'policy',
  verb: 'add',
  summary: 'Add a rule: allow, limit or deny verbs on resources to peers.',
  args: [resourceArgument],
  options: [...policyOptions, planOption],
  examples: [
    'hansa policy add "team-a/**" --to-label region=eu --direction bidirectional',
    'hansa policy add "**" --to public --limit see,pull --budget 1GiB/1d --plan',
  ],
  run: (context) => add('policy', context),
};

const policyPlan: Command = {
  noun: 'policy',
  verb: 'plan',
  summary: 'Show who would gain or lose what by a rule; change nothing.',
  args: [resourceArgument],
  options: policyOptions,
  examples: ['hansa policy plan "team-a/**" --to trusted --direction read-only'],
  run: (context) => add('policy', context, true),
};

async function add(
  noun: Noun,
  context: CommandContext,
  onlyPlan = flagOption(context, 'plan'),
): Promise<CommandOutput> {
  const policies = policiesOf(context);
  const { signal } = context;
  const request = ruleRequest(context);
  const plan = await policies.plan({ add: request }, { signal });
  const foreseen = await foresee(context, plan);
  const unmatched = unmatchedViews(plan, requiredArgument(context, 'resource'));
  if (onlyPlan) {
    const output = planned(foreseen, respelled(noun, context));
    return { ...output, view: stack(...unmatched, output.view) };
  }
  const data = await policies.add(request, { signal });
  return {
    data,
    view: stack(
      textView(`Rule ${data.id}: ${ruleText(data)}.`),
      ...unmatched,
      foreseenView(foreseen),
    ),
    next: [...whyHint(context), `hansa ${noun} list`],
  };
}

/** The same command without --plan. */
function respelled(noun: Noun, context: CommandContext): string {
  const { resource = '' } = context.args;
  const flags = (noun === 'share' ? shareOptions : policyOptions).map(
    ({ flags: spelled }) => /^--([a-z-]+)/.exec(spelled)?.[1] ?? '',
  );
  const given = flags.flatMap((flag) => {
    const name = flag.replaceAll(/-([a-z])/g, (_all, a: string) => a.toUpperCase());
    return listOption(context, name).map((each) => `--${flag} ${shellWord(each)}`);
  });
  return [`hansa ${noun} add`, shellWord(resource), ...given].join(' ');
}

/** The most useful question about a new rule, where it is about one resource and one peer. */
function whyHint(context: CommandContext): readonly string[] {
  const resource = requiredArgument(context, 'resource');
  const to = textOption(context, 'to') ?? publicWord;
  const many = [publicWord, 'trusted', 'token'].includes(to);
  return many || !isOneResource(resource) ? [] : [`hansa why ${to} pull ${resource}`];
}

/** A name that is nobody's yet may be meant, and may be a slip: it is said, and no more. */
function unmatchedViews({ matching }: Plan, spelled: string): readonly CommandView[] {
  if (matching === undefined || matching.resources > 0) {
    return [];
  }
  const { kinds } = matching;
  const there = kinds.length === 0 ? 'there is nothing here yet' : `here are ${kinds.join(', ')}`;
  return [textView(`Nothing matches ${spelled} now, of whatever kind: ${there}.`)];
}

function planned(foreseen: Foreseen, next: string, now = false): CommandOutput {
  const view = stack(foreseenView(foreseen, now), textView('This is a plan: nothing was changed.'));
  return { data: foreseen.plan, view, next: [next] };
}

const list = (noun: Noun): Command => ({
  noun,
  verb: 'list',
  summary: 'List the rules: who may see, pull and push what.',
  examples: [`hansa ${noun} list`],
  async run(context) {
    const data = await policiesOf(context).list({}, { signal: context.signal });
    const none = data.rules.length === 0;
    return {
      data,
      view: rulesTable(data.rules),
      next: [
        none ? `hansa ${noun} add <resource> --to <peer>` : 'hansa why <peer> pull <resource>',
      ],
    };
  },
});

const remove = (noun: Noun): Command => ({
  noun,
  verb: 'remove',
  summary: 'Remove a rule; what it alone allowed is no longer served from this moment.',
  args: [{ name: '<rule>', description: `the id that hansa ${noun} list shows` }],
  options: [
    planOption,
    { flags: '--now', description: 'mirrors delete their copies at once, not after a day' },
    { flags: '--yes', description: 'remove it without being asked' },
  ],
  examples: [
    `hansa ${noun} remove r-1f2e3d4c --plan`,
    `hansa ${noun} remove r-1f2e3d4c --yes`,
    `hansa ${noun} remove r-1f2e3d4c --now --yes`,
  ],
  async run(context) {
    const policies = policiesOf(context);
    const { signal } = context;
    const id = requiredArgument(context, 'rule');
    const plan = await policies.plan({ remove: id }, { signal });
    const foreseen = await foresee(context, plan);
    const now = flagOption(context, 'now');
    if (flagOption(context, 'plan')) {
      return planned(foreseen, `hansa ${noun} remove ${id}${now ? ' --now' : ''}`, now);
    }
    await requireConsent(context, { question: `Remove rule ${id}?`, foreseen, now });
    const data = await policies.remove({ id }, { signal });
    await (now ? hurryMirrors(context, foreseen) : undefined);
    const done = textView(`Removed rule ${id}: ${ruleText(data)}.`);
    return {
      data,
      view: stack(done, foreseenView(foreseen, now)),
      next: [foreseen.mirrors.length === 0 ? `hansa ${noun} list` : 'hansa receipt list'],
    };
  },
});

export const sharingCommands: readonly Command[] = [shareAdd, list('share'), remove('share')];
export const rulingCommands: readonly Command[] = [
  policyAdd,
  policyPlan,
  list('policy'),
  remove('policy'),
];

export function policiesOf({ carrier }: CommandContext): Policies {
  return remote(policiesContract, carrier);
}
