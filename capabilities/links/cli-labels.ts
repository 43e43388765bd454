// `hansa link label`: what we write on a link, for rules to speak of.
import {
  flagOption,
  HansaError,
  labelOption,
  remote,
  requiredArgument,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { stack, text } from './cli-shown.ts';
import { linksContract, planView, type Labelling } from './contract.ts';

const label: Command = {
  noun: 'link',
  verb: 'label',
  summary:
    'Write a label on a link, or wipe some off; rules can speak of it, the peer never sees it.',
  args: [
    { name: '<peer>', description: 'name or id of the peer' },
    { name: '[label]', description: 'key=value, for example region=eu' },
  ],
  options: [
    { flags: '--wipe <key...>', description: 'labels to take off; repeatable' },
    { flags: '--plan', description: 'show who would gain or lose what; change nothing' },
  ],
  examples: ['hansa link label bergen region=eu --plan', 'hansa link label bergen --wipe region'],
  async run(context) {
    const links = remote(linksContract, context.carrier);
    const { signal } = context;
    const labelling = labellingOf(context);
    const plan = await links.planLabels(labelling, { signal });
    if (flagOption(context, 'plan')) {
      return {
        data: plan,
        view: stack(planView(plan), text('This is a plan: nothing was changed.')),
        next: [`hansa link label ${labelling.peer} …  # without --plan`],
      };
    }
    const data = await links.label(labelling, { signal });
    const labels = Object.entries(data.labels).map(([key, value]) => `${key}=${value}`);
    const now = labels.length === 0 ? 'no labels' : labels.join(' ');
    return {
      data,
      view: stack(text(`The link with ${data.name} carries ${now}.`), planView(plan)),
      next: [`hansa policy add <resource> --to-label ${labels[0] ?? '<key=value>'}`],
    };
  },
};

function labellingOf(context: CommandContext): Labelling {
  const peer = requiredArgument(context, 'peer');
  const spelled = context.args['label'];
  const set = labelOption({ args: {}, options: { label: spelled } }, 'label');
  const { wipe } = context.options;
  const keys = typeof wipe === 'string' ? [wipe] : Array.isArray(wipe) ? wipe : undefined;
  if (set === undefined && keys === undefined) {
    throw new HansaError('USAGE', 'nothing to write and nothing to wipe', {
      fix: 'write key=value, or --wipe <key>',
    });
  }
  return {
    peer,
    ...(set === undefined ? {} : { set }),
    ...(keys === undefined ? {} : { wipe: keys }),
  };
}

export const labelCommands: readonly Command[] = [label];
