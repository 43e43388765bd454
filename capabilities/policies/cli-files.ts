// A whole set of rules as a file: `hansa policy export|diff|apply|import`.
import {
  flagOption,
  HansaError,
  requiredArgument,
  schemaSentence,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { z } from 'zod';
import { policiesOf } from './cli-making.ts';
import { diffLines, stack } from './cli-shown.ts';
import {
  foresee,
  foreseenView,
  policiesContract,
  requireConsent,
  type Foreseen,
  type RuleRequest,
  type RulesDiff,
  type RulesInput,
  type ShownRule,
} from './contract.ts';

const fileArgument = {
  name: '<file>',
  description: 'YAML or JSON: { rules: [...] }, as hansa policy export writes it; - is the input',
};
const planOption = { flags: '--plan', description: 'show what would change; change nothing' };
const yesOption = { flags: '--yes', description: 'change it without being asked' };

const fileSchema = z.strictObject({ rules: z.array(z.unknown()) });

async function rulesIn(context: CommandContext, keep: boolean): Promise<RulesInput> {
  const path = requiredArgument(context, 'file');
  if (context.readData === undefined) {
    throw new HansaError('USAGE', 'there are no files here');
  }
  const file = fileSchema.safeParse(await context.readData(path));
  // Checked before it travels: then the sentence is about the file, not about a request.
  const read = file.success
    ? policiesContract.methods.apply.input.safeParse({ ...file.data, ...(keep ? { keep } : {}) })
    : file;
  if (!read.success) {
    throw new HansaError('INPUT_INVALID', `${path}: ${schemaSentence(read.error)}`, {
      fix: 'see what hansa policy export writes',
    });
  }
  return read.data;
}

const diff: Command = {
  noun: 'policy',
  verb: 'diff',
  summary: 'Show what applying a file of rules would change; change nothing.',
  args: [fileArgument],
  examples: ['hansa policy diff rules.yaml'],
  run: async (context) => shownPlan(context, await rulesIn(context, false), 'apply'),
};

const apply: Command = {
  noun: 'policy',
  verb: 'apply',
  summary: 'Make exactly the rules of a file hold, from one moment to the next.',
  args: [fileArgument],
  options: [planOption, yesOption],
  examples: ['hansa policy apply rules.yaml --plan', 'hansa policy apply rules.yaml --yes'],
  run: (context) => change(context, 'apply'),
};

const importing: Command = {
  noun: 'policy',
  verb: 'import',
  summary: 'Add the rules of a file to those that there are.',
  args: [fileArgument],
  options: [planOption, yesOption],
  examples: ['hansa policy import more-rules.yaml --plan'],
  run: (context) => change(context, 'import'),
};

async function change(context: CommandContext, verb: 'apply' | 'import'): Promise<CommandOutput> {
  const input = await rulesIn(context, verb === 'import');
  if (flagOption(context, 'plan')) {
    return shownPlan(context, input, verb);
  }
  const policies = policiesOf(context);
  const { signal } = context;
  const planned = await policies.diff(input, { signal });
  const foreseen = await foresee(context, planned);
  const question = `${planned.added.length} rule(s) added, ${planned.removed.length} removed?`;
  await requireConsent(context, { question, foreseen, told: diffLines(planned) });
  const data = await policies.apply(input, { signal });
  const next = foreseen.mirrors.length === 0 ? 'hansa policy list' : 'hansa receipt list';
  return { data, view: diffView(data, { ...foreseen, plan: data }), next: [next] };
}

async function shownPlan(
  context: CommandContext,
  input: RulesInput,
  verb: 'apply' | 'import',
): Promise<CommandOutput> {
  const data = await policiesOf(context).diff(input, { signal: context.signal });
  return {
    data,
    view: stack(
      diffView(data, await foresee(context, data)),
      textView('This is a plan: nothing was changed.'),
    ),
    next: [`hansa policy ${verb} ${requiredArgument(context, 'file')}`],
  };
}

function diffView(made: RulesDiff, foreseen: Foreseen): CommandView {
  return stack(textView(diffLines(made).join('\n')), foreseenView(foreseen));
}

const exporting: Command = {
  noun: 'policy',
  verb: 'export',
  summary: 'Write the rules as a file that apply reads; with -o yaml as YAML, else as JSON.',
  examples: ['hansa policy export -o yaml > rules.yaml', 'hansa policy export > rules.json'],
  async run(context) {
    const { rules } = await policiesOf(context).list({}, { signal: context.signal });
    const data = { rules: rules.map(asked) };
    return { data, view: textView(JSON.stringify(data, undefined, 2)) };
  },
};

/** As it would be asked for again: what the node gave it is not the file's to say. */
function asked(shown: ShownRule): RuleRequest {
  const { id: _id, createdMs: _made, peerName: _name, expired: _expired, ...rule } = shown;
  return rule;
}

export const fileCommands: readonly Command[] = [diff, apply, importing, exporting];
