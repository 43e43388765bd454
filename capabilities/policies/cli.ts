// `hansa share …`, `hansa policy …` and `hansa why`: what people type, and what they see.
import {
  requiredArgument,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
} from '@hansa/foundation';
import { parseVerb, resourceSpelled } from './cli-draft.ts';
import { fileCommands } from './cli-files.ts';
import { policiesOf, rulingCommands, sharingCommands } from './cli-making.ts';
import { decisionRecord, grantsTable, stack } from './cli-shown.ts';
import { planRowsMax, verbs, type Decision } from './contract.ts';

const verbArgument = { name: '<verb>', description: verbs.join(', ') };
const resourceArgument = {
  name: '<resource>',
  description: 'a name, or <kind>/<name>; of a mirror: peer:name',
};
const whyArguments = [
  { name: '<peer>', description: 'name or id of the peer' },
  verbArgument,
  resourceArgument,
];

async function explain(context: CommandContext): Promise<CommandOutput> {
  const peer = requiredArgument(context, 'peer');
  const verb = parseVerb(requiredArgument(context, 'verb'));
  const asked = await resourceSpelled(context, requiredArgument(context, 'resource'));
  const { signal } = context;
  const data = await policiesOf(context).why({ peer, verb, ...asked }, { signal });
  return { data, view: decisionRecord(data, peer), next: afterDecision(data, peer) };
}

function afterDecision(
  { allowed, rule, resource, verb }: Decision,
  peer: string,
): readonly string[] {
  if (allowed) {
    return ['hansa share list'];
  }
  if (rule?.effect === 'deny' || rule?.effect === 'limit') {
    return [`hansa share remove ${rule.id} --plan`];
  }
  const wanted = verb === 'push' ? ' --direction push' : '';
  return [`hansa share add ${resource} --to ${peer}${wanted} --plan`, `hansa link show ${peer}`];
}

const why: Command = {
  noun: 'why',
  summary: 'Explain whether a peer may do something with a resource, and by which rule.',
  args: whyArguments,
  examples: ['hansa why bergen pull hansa', 'hansa why visby see git/hansa'],
  run: explain,
};

const policyWhy: Command = {
  noun: 'policy',
  verb: 'why',
  summary: 'The same as hansa why.',
  args: whyArguments,
  examples: ['hansa policy why bergen pull hansa'],
  run: explain,
};

const whoCan: Command = {
  noun: 'policy',
  verb: 'who-can',
  summary: 'List the clusters that may use a verb on a resource, each with its rule.',
  args: [verbArgument, resourceArgument],
  examples: ['hansa policy who-can pull hansa'],
  async run(context) {
    const verb = parseVerb(requiredArgument(context, 'verb'));
    const spelled = requiredArgument(context, 'resource');
    const asked = { verb, ...(await resourceSpelled(context, spelled)) };
    const data = await policiesOf(context).whoCan(asked, { signal: context.signal });
    const table = grantsTable(data.grants);
    const cut = textView(`Only the first ${planRowsMax} clusters are shown.`);
    return {
      data,
      view: data.truncated ? stack(table, cut) : table,
      next: [`hansa why <peer> ${verb} ${spelled}`],
    };
  },
};

export const policiesCommands: readonly Command[] = [
  ...sharingCommands,
  ...rulingCommands,
  ...fileCommands,
  whoCan,
  policyWhy,
  why,
];
