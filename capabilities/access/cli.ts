// `hansa access …` and `hansa whoami`: what people type of decisions, and what they see.
import {
  listOption,
  momentText,
  remote,
  requiredArgument,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { mapCommands } from './cli-maps.ts';
import { policyCommands, type PolicyFiles } from './cli-policies.ts';
import { accessContract, type Access, type Explained, type Myself } from './contract.ts';

const permissionArgument = {
  name: '<permission>',
  description: 'such as kv.write; hansa access permissions lists them',
};
const targetArgument = {
  name: '[target]',
  description: '<kind>/<name>, or <peer>:<kind>/<name>; without it, all of them at once',
};

const why: Command = {
  noun: 'access',
  verb: 'why',
  summary: 'Explain whether somebody may use a permission, and what decides it.',
  args: [
    { name: '<principal>', description: 'me, anna, service:ci, workload:web; anna@<peer>' },
    permissionArgument,
    targetArgument,
  ],
  options: [{ flags: '--scope <scope...>', description: 'as if through a token of these scopes' }],
  examples: [
    'hansa access why anna kv.write kv/prices',
    'hansa access why anna@lubeck kv.read --scope "api:*.read"',
    'hansa access why me links.write',
  ],
  async run(context) {
    const principal = requiredArgument(context, 'principal');
    const permission = requiredArgument(context, 'permission');
    const { target } = context.args;
    const scopes = listOption(context, 'scope');
    const asked = { principal, permission, target, ...(scopes.length === 0 ? {} : { scopes }) };
    const data = await explained(context, asked);
    const about = target === undefined ? '' : ` ${target}`;
    return {
      data,
      view: explainedView(data),
      namesClusters: true,
      next: [`hansa access who-can ${permission}${about}`],
    };
  },
};

/**
 * Whoever may not look at others is told about themselves; that they may not is asked first, so
 * that nothing is refused and recorded of a question that has an answer.
 */
async function explained(
  context: CommandContext,
  asked: Parameters<Access['why']>[0],
): Promise<Explained> {
  const { signal } = context;
  const access = accessOf(context);
  const { principal, permission, target } = asked;
  if (principal !== 'me') {
    const { principal: mine } = await access.whoami({}, { signal });
    const isMine = mine !== undefined && (mine === principal || mine === `user:${principal}`);
    const looking = { permission: 'access.read' };
    if (!isMine || (await access.whyMe(looking, { signal })).allowed) {
      return access.why(asked, { signal });
    }
  }
  return access.whyMe({ permission, target }, { signal });
}

function explainedView(data: Explained): CommandView {
  const { allowed, reason, displayName, principal, policies, roles, withinScopes } = data;
  const who = displayName === undefined ? principal : `${principal} (${displayName})`;
  return {
    kind: 'record',
    fields: [
      ['decision', allowed ? 'allowed' : 'refused'],
      ['because', reason],
      ['principal', who],
      ['permission', data.permission],
      ['target', data.target ?? 'all'],
      [
        'decided by',
        policies.length === 0 ? 'nothing: what nothing permits is refused' : policies.join(' '),
      ],
      ...rolesFields(roles),
      ...(withinScopes === undefined
        ? []
        : [['token scopes', withinScopes ? 'let it through' : 'do not let it through'] as const]),
    ],
  };
}

function rolesFields(
  roles: Explained['roles'],
): readonly (readonly [label: string, value: string])[] {
  return roles.map(({ role, because }) => ['role', `${role}: ${because}`] as const);
}

const whoCan: Command = {
  noun: 'access',
  verb: 'who-can',
  summary: 'List who may use a permission, and what lets them.',
  args: [permissionArgument, targetArgument],
  examples: ['hansa access who-can kv.write kv/prices', 'hansa access who-can directory.write'],
  async run(context) {
    const permission = requiredArgument(context, 'permission');
    const { target } = context.args;
    const asked = { permission, target };
    const data = await accessOf(context).whoCan(asked, { signal: context.signal });
    const table: CommandView = {
      kind: 'table',
      columns: ['PRINCIPAL', 'NAME', 'BY'],
      rows: data.principals.map(({ principal, displayName, policies }) => [
        principal,
        displayName ?? '',
        policies.join(' '),
      ]),
      empty: 'nobody but the owner may',
    };
    const cut = textView('There are more: these are the first.');
    return {
      data,
      view: data.truncated ? { kind: 'stack', views: [table, cut] } : table,
      namesClusters: true,
      next: [`hansa access why <principal> ${permission}`],
    };
  },
};

const permissions: Command = {
  noun: 'access',
  verb: 'permissions',
  summary: 'List every permission with the calls that need it.',
  examples: ['hansa access permissions'],
  async run(context) {
    const data = await accessOf(context).permissions({}, { signal: context.signal });
    const rows = data.permissions.flatMap(({ permission, uses }) =>
      uses.map(({ call, summary }, index) => [index === 0 ? permission : '', call, summary]),
    );
    const columns = ['PERMISSION', 'CALL', 'WHAT IT DOES'];
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'nothing asks for a permission' },
      next: ['hansa access who-can <permission>'],
    };
  },
};

const whoami: Command = {
  noun: 'whoami',
  summary: 'Tell who you are for the cluster, what you may, and until when.',
  examples: ['hansa whoami'],
  async run(context) {
    const data = await accessOf(context).whoami({}, { signal: context.signal });
    return {
      data,
      view: myselfView(data),
      namesClusters: true,
      next: ['hansa access permissions'],
    };
  },
};

function myselfView(data: Myself): CommandView {
  const { kind, principal, displayName, proof, roles, all, scopes, expiresMs } = data;
  const named = displayName === undefined ? principal : `${principal} (${displayName})`;
  return {
    kind: 'record',
    fields: [
      ['you are', named ?? kindText[kind]],
      ...(proof === undefined ? [] : [['by', proof] as const]),
      ...rolesFields(roles),
      ['you may', all ? 'everything' : scopes.join(' ') || 'nothing'],
      ...(expiresMs === undefined ? [] : [['until', momentText(expiresMs)] as const]),
    ],
  };
}

const kindText: Readonly<Record<Myself['kind'], string>> = {
  owner: 'the owner of the cluster',
  anonymous: 'nobody who has logged in',
  cluster: 'a linked cluster',
  principal: 'somebody who has logged in',
  token: 'whoever has the token',
};

/** The host reads files. */
export const accessCommands = (files: PolicyFiles): readonly Command[] => [
  why,
  whoCan,
  permissions,
  ...policyCommands(files),
  ...mapCommands,
  whoami,
];

function accessOf({ carrier }: CommandContext): Access {
  return remote(accessContract, carrier);
}
