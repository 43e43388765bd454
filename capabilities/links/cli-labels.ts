// `hansa link label`: what we write on a link, for rules to speak of.
import {
  flagOption,
  HansaError,
  labelOption,
  remote,
  requiredArgument,
  type Command,
  type CommandContext,
  type CommandOutput,
} from '@hansa/foundation';
import { stack, text } from './cli-shown.ts';
import {
  foresee,
  foreseenView,
  requireConsent,
  takesAway,
  type Foreseen,
} from '../policies/contract.ts';
import { linksContract, type Labelling } from './contract.ts';

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
    { flags: '--yes', description: 'do it without being asked, where something is taken away' },
  ],
  examples: ['hansa link label bergen region=eu --plan', 'hansa link label bergen --wipe region'],
  async run(context) {
    const links = remote(linksContract, context.carrier);
    const { signal } = context;
    const labelling = labellingOf(context);
    const foreseen = await foresee(context, await links.planLabels(labelling, { signal }));
    if (flagOption(context, 'plan')) {
      return planned(foreseen, labelling);
    }
    if (takesAway(foreseen.plan)) {
      const question = `Change the labels of the link with ${labelling.peer}?`;
      await requireConsent(context, { question, foreseen });
    }
    const data = await links.label(labelling, { signal });
    const labels = Object.entries(data.labels).map(([key, value]) => `${key}=${value}`);
    const now = labels.length === 0 ? 'no labels' : labels.join(' ');
    return {
      data,
      view: stack(text(`The link with ${data.name} carries ${now}.`), foreseenView(foreseen)),
      next: [`hansa policy add <resource> --to-label ${labels[0] ?? '<key=value>'}`],
    };
  },
};

function planned(foreseen: Foreseen, labelling: Labelling): CommandOutput {
  return {
    data: foreseen.plan,
    view: stack(foreseenView(foreseen), text('This is a plan: nothing was changed.')),
    next: [respelled(labelling)],
  };
}

/** The same command without --plan. */
function respelled({ peer, set = {}, wipe = [] }: Labelling): string {
  const labels = Object.entries(set).map(([key, value]) => `${key}=${value}`);
  return ['hansa link label', peer, ...labels, ...wipe.map((key) => `--wipe ${key}`)].join(' ');
}

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
