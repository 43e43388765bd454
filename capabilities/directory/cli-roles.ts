// `hansa role …`: what people type of role definitions and of who has them. What the roles of
// linked clusters mean here is access's to say.
import {
  flagOption,
  HansaError,
  isHansaError,
  listOption,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
} from '@hansa/foundation';
import { directoryOf, onlyGiven, rolesText, wordsText } from './cli-accounts.ts';
import type { ShownRole } from './contract.ts';

const role = { name: '<role>', description: 'a role of this cluster' };
const holder = { name: '<to>', description: 'a user, service:<name> or group:<name>' };
const cluster = {
  flags: '--cluster <peer>',
  description: 'in one cluster alone, by name; this one’s own name for here alone',
};

const list: Command = {
  noun: 'role',
  verb: 'list',
  summary: 'List the roles of this cluster, those that are built in among them.',
  examples: ['hansa role list'],
  async run(context) {
    const data = await directoryOf(context).roles({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['ROLE', 'BUILT IN', 'SCOPES', 'HOLDERS', 'DESCRIPTION'],
        rows: data.roles.map((each) => [
          each.role,
          each.builtIn ? 'yes' : 'no',
          String(each.scopes.length),
          String(each.holders.length),
          each.description ?? '',
        ]),
        empty: 'No roles.',
      },
      next: ['hansa role show <role>'],
    };
  },
};

const show: Command = {
  noun: 'role',
  verb: 'show',
  summary: 'Show one role: its scopes, and who has it.',
  args: [role],
  examples: ['hansa role show editor'],
  async run(context) {
    const name = requiredArgument(context, 'role');
    return shownOutput(
      await directoryOf(context).showRole({ role: name }, { signal: context.signal }),
    );
  },
};

function shownOutput(data: ShownRole): CommandOutput {
  return {
    data,
    view: {
      kind: 'record',
      fields: [
        ['role', data.role],
        ['built in', data.builtIn ? 'yes' : 'no'],
        ['description', data.description ?? '—'],
        ['scopes', wordsText(data.scopes)],
        ['holders', wordsText(data.holders)],
      ],
    },
    next: [`hansa role assign ${data.role} <user>`],
  };
}

const define: Command = {
  noun: 'role',
  verb: 'define',
  summary: 'Define a role by its scopes, or change it for all who have it.',
  args: [{ name: '<role>', description: 'lower-case letters, digits, ".", "-" and "_"' }],
  options: [
    {
      flags: '--scope <scope...>',
      description: 'what it lets somebody do, all of it; without any, what it has stays',
    },
    { flags: '--description <text>', description: 'a line beside its name' },
    { flags: '--plan', description: 'show what would change for whom; change nothing' },
    { flags: '--yes', description: 'change it for those who have it, without being asked' },
  ],
  examples: [
    'hansa role define deployer --scope "api:kv.write:deploy/*" --scope "pull:git:**"',
    'hansa role define deployer --scope "api:kv.read" --plan',
  ],
  async run(context) {
    const name = requiredArgument(context, 'role');
    const before = await findRole(context, name);
    const old = before?.scopes ?? [];
    const named = listOption(context, 'scope');
    if (named.length === 0 && before === undefined) {
      throw new HansaError('USAGE', `there is no role ${name} yet, and no scope is named for it`, {
        fix: `hansa role define ${name} --scope <scope>`,
      });
    }
    // Whoever changes the description alone takes nothing from anybody.
    const scopes = named.length === 0 ? old : named;
    const plan = {
      role: name,
      gains: scopes.filter((each) => !old.includes(each)),
      loses: old.filter((each) => !scopes.includes(each)),
      holders: before?.holders ?? [],
    };
    if (flagOption(context, 'plan')) {
      return planned(plan);
    }
    if (plan.holders.length > 0) {
      await requireYes(context, `Change ${name} for ${wordsText(plan.holders)}?`);
    }
    const words = { role: name, scopes, description: textOption(context, 'description') };
    const { signal } = context;
    const data = await directoryOf(context).defineRole(onlyGiven(words), { signal });
    const { view, next = [] } = shownOutput(data);
    return { data, view, next };
  },
};

function planned(plan: {
  readonly role: string;
  readonly gains: readonly string[];
  readonly loses: readonly string[];
  readonly holders: readonly string[];
}): CommandOutput {
  return {
    data: plan,
    view: {
      kind: 'stack',
      views: [
        {
          kind: 'record',
          fields: [
            ['role', plan.role],
            ['gains', wordsText(plan.gains)],
            ['loses', wordsText(plan.loses)],
            ['holders', wordsText(plan.holders)],
          ],
        },
        textView('This is a plan: nothing was changed.'),
      ],
    },
    next: [`hansa role show ${plan.role}`],
  };
}

async function findRole(context: CommandContext, name: string): Promise<ShownRole | undefined> {
  try {
    return await directoryOf(context).showRole({ role: name }, { signal: context.signal });
  } catch (error) {
    if (isHansaError(error, 'ROLE_NOT_FOUND')) {
      return undefined;
    }
    throw error;
  }
}

const remove: Command = {
  noun: 'role',
  verb: 'remove',
  summary: 'Remove a role, and take it from everybody who has it.',
  args: [{ name: '<role>', description: 'a role that is not built in' }],
  options: [
    { flags: '--plan', description: 'show who would lose what; change nothing' },
    { flags: '--yes', description: 'take it from those who have it, without being asked' },
  ],
  examples: ['hansa role remove deployer --plan', 'hansa role remove deployer --yes'],
  async run(context) {
    const { signal } = context;
    const directory = directoryOf(context);
    const name = requiredArgument(context, 'role');
    const { holders, scopes } = await directory.showRole({ role: name }, { signal });
    if (flagOption(context, 'plan')) {
      return planned({ role: name, gains: [], loses: scopes, holders });
    }
    if (holders.length > 0) {
      await requireYes(context, `Remove ${name}, and take it from ${wordsText(holders)}?`);
    }
    const data = await directory.removeRole({ role: name }, { signal });
    return { data, view: textView(`Removed role ${name}.`), next: ['hansa role list'] };
  },
};

const assign: Command = {
  noun: 'role',
  verb: 'assign',
  summary: 'Give a role to a user, service account or group.',
  args: [role, holder],
  options: [cluster],
  examples: [
    'hansa role assign viewer anna',
    'hansa role assign operator group:ops --cluster bergen',
  ],
  async run(context) {
    const data = await directoryOf(context).assign(assignment(context), { signal: context.signal });
    const { to } = data.given;
    const view = textView(`${to} has ${rolesText(data.given)}.`);
    return { data, view, namesClusters: true, next: [showing(to)] };
  },
};

const unassign: Command = {
  noun: 'role',
  verb: 'unassign',
  summary: 'Take a role from a user, service account or group.',
  args: [role, holder],
  options: [cluster],
  examples: ['hansa role unassign viewer anna'],
  async run(context) {
    const asked = assignment(context);
    const data = await directoryOf(context).unassign(asked, { signal: context.signal });
    const { to, roles, clusterRoles } = data.given;
    const has = roles.length > 0 || Object.keys(clusterRoles).length > 0;
    const left = has ? rolesText(data.given) : 'no role of its own any more';
    const view = textView(`${to} has ${left}.`);
    return { data, view, namesClusters: true, next: [showing(to)] };
  },
};

function assignment(context: CommandContext): { role: string; to: string; cluster?: string } {
  return onlyGiven({
    role: requiredArgument(context, 'role'),
    to: requiredArgument(context, 'to'),
    cluster: textOption(context, 'cluster'),
  }) as { role: string; to: string; cluster?: string };
}

function showing(to: string): string {
  const [type, name] = to.includes(':') ? to.split(':') : ['user', to];
  return `hansa ${type ?? ''} show ${name ?? ''}`;
}

export const roleCommands: readonly Command[] = [list, show, define, assign, unassign, remove];
