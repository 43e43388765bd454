// `hansa access policies|policy|put-policy|remove-policy`: policies in Cedar beside the roles.
import {
  flagOption,
  fromUtf8,
  listOption,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { accessContract, type Access, type AccessPolicy, type PolicyPlan } from './contract.ts';

/** As the command line has them; `-` is its input. */
export interface PolicyFiles {
  read(path: string): Promise<Uint8Array>;
}

const idArgument = { name: '<id>', description: 'a word of lower-case letters, digits and "-"' };
const planOptions = [
  { flags: '--plan', description: 'show whose decisions would change, and change nothing' },
  {
    flags: '--on <target...>',
    description: 'with --plan: for these resources too, as <kind>/<name>',
  },
  { flags: '--yes', description: 'do not ask' },
];

const policies: Command = {
  noun: 'access',
  verb: 'policies',
  summary: 'List the access policies that were written beside the roles.',
  examples: ['hansa access policies'],
  async run(context) {
    const data = await accessOf(context).policies({}, { signal: context.signal });
    const rows = data.policies.map(({ id, effect, permissions, writtenMs }) => [
      id,
      effect,
      permissions.join(' '),
      momentText(writtenMs),
    ]);
    const columns = ['ID', 'EFFECT', 'PERMISSIONS', 'WRITTEN'];
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'roles alone decide' },
      next: [
        rows.length === 0
          ? 'hansa access put-policy <id> <file> --plan'
          : 'hansa access policy <id>',
      ],
    };
  },
};

const policy: Command = {
  noun: 'access',
  verb: 'policy',
  summary: 'Show one access policy with its text.',
  args: [idArgument],
  examples: ['hansa access policy no-secrets'],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const data = await accessOf(context).policy({ id }, { signal: context.signal });
    return { data, view: policyView(data), next: [`hansa access remove-policy ${id} --plan`] };
  },
};

const put = (files: PolicyFiles): Command => ({
  noun: 'access',
  verb: 'put-policy',
  summary: 'Write an access policy in Cedar beside the roles; what forbids wins.',
  args: [
    idArgument,
    {
      name: '<file>',
      description:
        'the policy in Cedar, as in: forbid(principal == User::"anna", action, resource); ' +
        'from the input where it is -',
    },
  ],
  options: planOptions,
  examples: [
    'hansa access put-policy no-secrets no-secrets.cedar --plan --on kv/secret/a',
    'hansa access put-policy no-secrets no-secrets.cedar --yes',
  ],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const file = requiredArgument(context, 'file');
    const text = fromUtf8(await files.read(file));
    if (flagOption(context, 'plan')) {
      const next = `hansa access put-policy ${id} ${file} --yes`;
      return planned(context, { id, text }, next);
    }
    await requireYes(context, `Decide by the policy ${id} from now on?`);
    const data = await accessOf(context).putPolicy({ id, text }, { signal: context.signal });
    return {
      data,
      view: textView(`The policy ${id} counts: ${headText(data)}.`),
      next: [`hansa access policy ${id}`, 'hansa access why <principal> <permission>'],
    };
  },
});

const remove: Command = {
  noun: 'access',
  verb: 'remove-policy',
  summary: 'Remove an access policy.',
  args: [idArgument],
  options: planOptions,
  examples: [
    'hansa access remove-policy no-secrets --plan',
    'hansa access remove-policy no-secrets --yes',
  ],
  async run(context) {
    const id = requiredArgument(context, 'id');
    if (flagOption(context, 'plan')) {
      return planned(context, { id }, `hansa access remove-policy ${id} --yes`);
    }
    await requireYes(context, `Decide without the policy ${id} from now on?`);
    const data = await accessOf(context).removePolicy({ id }, { signal: context.signal });
    return {
      data,
      view: textView(`The policy ${id} counts no more.`),
      next: ['hansa access policies'],
    };
  },
};

export const policyCommands = (files: PolicyFiles): readonly Command[] => [
  policies,
  policy,
  put(files),
  remove,
];

async function planned(
  context: CommandContext,
  asked: { readonly id: string; readonly text?: string },
  next: string,
): Promise<CommandOutput> {
  const targets = listOption(context, 'on');
  const input = { ...asked, ...(targets.length === 0 ? {} : { targets }) };
  const data = await accessOf(context).planPolicy(input, { signal: context.signal });
  return { data, view: planView(data), namesClusters: true, next: [next] };
}

function planView(plan: PolicyPlan): CommandView {
  const table: CommandView = {
    kind: 'table',
    columns: ['PRINCIPAL', 'PERMISSION', 'TARGET', 'NOW', 'THEN'],
    rows: plan.changes.map(({ principal, permission, target, before, after }) => [
      principal,
      permission,
      target ?? 'all',
      before ? 'allowed' : 'refused',
      after ? 'allowed' : 'refused',
    ]),
    empty: 'nobody’s decision changes; for single resources name them with --on <kind>/<name>',
  };
  const cut = textView('More would change: these are the first.');
  const views = [textView(`It ${headText(plan)}.`), table, ...(plan.truncated ? [cut] : [])];
  return { kind: 'stack', views };
}

function headText({ effect, permissions }: Pick<AccessPolicy, 'effect' | 'permissions'>): string {
  const what = permissions.map((one) => (one === '*.*' ? 'every permission' : one)).join(', ');
  return `${effect}s ${what}`;
}

function policyView(data: AccessPolicy): CommandView {
  return {
    kind: 'stack',
    views: [
      {
        kind: 'record',
        fields: [
          ['id', data.id],
          ['effect', data.effect],
          ['permissions', data.permissions.join(' ')],
          ['written', momentText(data.writtenMs)],
        ],
      },
      textView(data.text),
    ],
  };
}

function accessOf({ carrier }: CommandContext): Access {
  return remote(accessContract, carrier);
}
