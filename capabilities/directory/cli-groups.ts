// `hansa group …`: what people type of groups and their members, and what they see.
import {
  flagOption,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandOutput,
} from '@hansa/foundation';
import {
  askedPage,
  directoryOf,
  nothingToSet,
  onlyGiven,
  pageOptions,
  rolesText,
  wordsText,
} from './cli-accounts.ts';
import type { GroupWithMembers } from './contract.ts';

const own = { name: '<group>', description: 'a group of this cluster' };
const member = { name: '<member>', description: 'a user, or service:<name>' };

const add: Command = {
  noun: 'group',
  verb: 'add',
  summary: 'Make an empty group.',
  args: [{ name: '<group>', description: 'lower-case letters, digits, ".", "-" and "_"' }],
  options: [
    { flags: '--description <text>', description: 'a line beside its name' },
    { flags: '--directory <directory>', description: 'where it is kept (default people)' },
  ],
  examples: ['hansa group add ops', 'hansa group add ops --description "Who is on call"'],
  async run(context) {
    const words = onlyGiven({
      group: requiredArgument(context, 'group'),
      expect: 'absent' as const,
      description: textOption(context, 'description'),
      directory: textOption(context, 'directory'),
    });
    const data = await directoryOf(context).putGroup(words, { signal: context.signal });
    return {
      data,
      view: textView(`Added group ${data.name}, empty.`),
      next: [
        `hansa group join ${data.name} <member>`,
        `hansa role assign <role> group:${data.name}`,
      ],
    };
  },
};

const setOptions = [{ flags: '--description <text>', description: 'a line; "" takes it away' }];

const set: Command = {
  noun: 'group',
  verb: 'set',
  summary: 'Change the description of a group.',
  args: [own],
  options: setOptions,
  examples: ['hansa group set ops --description "Who is on call"'],
  async run(context) {
    const group = requiredArgument(context, 'group');
    const description = textOption(context, 'description');
    if (description === undefined) {
      throw nothingToSet(`hansa group set ${group}`, setOptions);
    }
    const words = { group, expect: 'present' as const, description };
    const data = await directoryOf(context).putGroup(words, { signal: context.signal });
    return { data, view: textView(`Changed group ${data.name}.`) };
  },
};

const list: Command = {
  noun: 'group',
  verb: 'list',
  summary: 'List groups, own ones first, page by page.',
  options: pageOptions,
  examples: ['hansa group list', 'hansa group list --home lubeck'],
  async run(context) {
    const data = await directoryOf(context).groups(askedPage(context), { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['GROUP', 'HOME', 'MEMBERS', 'ROLES', 'DESCRIPTION'],
        rows: data.groups.map((each) => [
          each.role === 'own' ? each.name : `${each.name}@${each.ownerName}`,
          each.ownerName,
          String(each.memberCount),
          rolesText(each),
          each.description ?? '',
        ]),
        empty: 'No groups yet.',
      },
      namesClusters: true,
      next:
        data.cursor === undefined
          ? [data.groups.length === 0 ? 'hansa group add <group>' : 'hansa group show <group>']
          : [`hansa group list --cursor ${data.cursor}`],
    };
  },
};

const show: Command = {
  noun: 'group',
  verb: 'show',
  summary: 'Show one group with its members.',
  args: [{ name: '<group>', description: 'a name; <name>@<peer> for one of a linked cluster' }],
  examples: ['hansa group show ops', 'hansa group show ops@lubeck'],
  async run(context) {
    const group = requiredArgument(context, 'group');
    return shownOutput(await directoryOf(context).showGroup({ group }, { signal: context.signal }));
  },
};

function shownOutput(data: GroupWithMembers): CommandOutput {
  const { name, ownerName, description, members } = data;
  const isOwn = data.role === 'own';
  return {
    data,
    view: {
      kind: 'record',
      fields: [
        ['group', name],
        ['home', ownerName],
        ['description', description ?? '—'],
        ['roles', rolesText(data)],
        ['members', wordsText(members.map((each) => each.split('@')[0] ?? each))],
      ],
    },
    namesClusters: true,
    next: [
      isOwn
        ? `hansa role assign <role> group:${name}`
        : `hansa role map ${ownerName} group:${name} <role>`,
    ],
  };
}

const remove: Command = {
  noun: 'group',
  verb: 'remove',
  summary: 'Remove a group; its members lose the roles that they have by it.',
  args: [own],
  options: [
    { flags: '--plan', description: 'show its members and roles; change nothing' },
    { flags: '--yes', description: 'remove it without being asked' },
  ],
  examples: ['hansa group remove ops --plan', 'hansa group remove ops --yes'],
  async run(context) {
    const { signal } = context;
    const directory = directoryOf(context);
    const group = requiredArgument(context, 'group');
    const shown = await directory.showGroup({ group }, { signal });
    if (flagOption(context, 'plan')) {
      const { data, view } = shownOutput(shown);
      const views = [view, textView('This is a plan: nothing was changed.')];
      const next = [`hansa group remove ${group}`];
      return { data, view: { kind: 'stack', views }, namesClusters: true, next };
    }
    if (shown.role === 'own' && shown.memberCount > 0) {
      const lose = `${shown.memberCount} members lose ${rolesText(shown)}.`;
      const question = `Remove group ${shown.name}? ${lose}`;
      await requireYes(context, (await context.named?.(question)) ?? question);
    }
    const data = await directory.removeGroup({ group }, { signal });
    return { data, view: textView(`Removed group ${data.name}.`), next: ['hansa group list'] };
  },
};

const join: Command = {
  noun: 'group',
  verb: 'join',
  summary: 'Add a user or service account to a group.',
  args: [own, member],
  examples: ['hansa group join ops anna', 'hansa group join builders service:ci'],
  async run(context) {
    const group = requiredArgument(context, 'group');
    const joining = requiredArgument(context, 'member');
    const data = await directoryOf(context).addMember(
      { group, member: joining },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`${joining} is in group ${data.name}, of ${data.memberCount}.`),
      next: [`hansa group show ${data.name}`],
    };
  },
};

const leave: Command = {
  noun: 'group',
  verb: 'leave',
  summary: 'Take a user or service account out of a group.',
  args: [own, member],
  examples: ['hansa group leave ops anna'],
  async run(context) {
    const group = requiredArgument(context, 'group');
    const leaving = requiredArgument(context, 'member');
    const data = await directoryOf(context).removeMember(
      { group, member: leaving },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`${leaving} is not in group ${data.name}, of ${data.memberCount}.`),
      next: [`hansa group show ${data.name}`],
    };
  },
};

export const groupCommands: readonly Command[] = [add, list, show, set, join, leave, remove];
