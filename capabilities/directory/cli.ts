// `hansa directory …`, and every other noun of who is known: what people type, and what they see.
import {
  requiredArgument,
  requireYes,
  spelledResource,
  textOption,
  textView,
  type Command,
} from '@hansa/foundation';
import { directoryOf, onlyGiven, serviceCommands, userCommands } from './cli-accounts.ts';
import { groupCommands } from './cli-groups.ts';
import { roleCommands } from './cli-roles.ts';

const create: Command = {
  noun: 'directory',
  verb: 'create',
  summary: 'Make an empty directory, to be shared by itself.',
  args: [{ name: '<directory>', description: 'a name, for example contractors' }],
  options: [{ flags: '--description <text>', description: 'one line for the catalog' }],
  examples: ['hansa directory create contractors'],
  async run(context) {
    const words = onlyGiven({
      directory: requiredArgument(context, 'directory'),
      description: textOption(context, 'description'),
    });
    const data = await directoryOf(context).createDirectory(words, { signal: context.signal });
    const { name } = data;
    return {
      data,
      view: textView(`Made directory ${name}, empty.`),
      next: [
        `hansa user add <name> --directory ${name}`,
        `hansa share add directory/${name} --to <peer>`,
      ],
    };
  },
};

const list: Command = {
  noun: 'directory',
  verb: 'list',
  summary: 'List own directories and mirrors.',
  examples: ['hansa directory list'],
  async run(context) {
    const data = await directoryOf(context).directories({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['DIRECTORY', 'ROLE', 'STATE', 'COUNTS', 'USERS', 'GROUPS', 'SERVICES', 'ROLES'],
        rows: data.directories.map((each) => [
          spelledResource(each),
          each.role,
          each.state ?? '—',
          each.counts ? 'yes' : 'no',
          String(each.users),
          String(each.groups),
          String(each.services),
          String(each.roles),
        ]),
        empty: 'No directories yet: the first user makes one.',
      },
      next: [data.directories.length === 0 ? 'hansa user add <name>' : 'hansa user list'],
    };
  },
};

const show: Command = {
  noun: 'directory',
  verb: 'show',
  summary: 'Show one directory, own or mirrored.',
  args: [{ name: '<directory>', description: 'a name, or <peer>:<name> for a mirror' }],
  examples: ['hansa directory show people', 'hansa directory show lubeck:people'],
  async run(context) {
    const directory = requiredArgument(context, 'directory');
    const data = await directoryOf(context).showDirectory(
      { directory },
      { signal: context.signal },
    );
    return {
      data,
      view: {
        kind: 'record',
        fields: [
          ['directory', data.directory],
          ['owner', data.ownerName],
          ['role', data.role],
          ['state', data.state ?? '—'],
          ['counts', data.counts ? 'yes' : 'no: nobody in it is let in'],
          ['description', data.description || '—'],
          ['users', String(data.users)],
          ['groups', String(data.groups)],
          ['services', String(data.services)],
          ['roles', String(data.roles)],
        ],
      },
      next: [
        data.role === 'own'
          ? `hansa share add directory/${data.name} --to <peer>`
          : `hansa user list --home ${data.ownerName}`,
      ],
    };
  },
};

const remove: Command = {
  noun: 'directory',
  verb: 'remove',
  summary: 'Remove an own directory with everybody in it.',
  args: [{ name: '<directory>', description: 'an own directory' }],
  options: [{ flags: '--yes', description: 'remove it without being asked' }],
  examples: ['hansa directory remove contractors --yes'],
  async run(context) {
    const { signal } = context;
    const contract = directoryOf(context);
    const directory = requiredArgument(context, 'directory');
    const shown = await contract.showDirectory({ directory }, { signal });
    if (shown.role === 'own') {
      const { users, services } = shown;
      const who = `with ${users} users and ${services} service accounts`;
      await requireYes(context, `Remove directory ${shown.name} ${who}, for good?`);
    }
    const data = await contract.removeDirectory({ directory }, { signal });
    const view = textView(`Removed directory ${data.name}.`);
    return { data, view, next: ['hansa directory list'] };
  },
};

export const directoryCommands: readonly Command[] = [
  create,
  list,
  show,
  remove,
  ...groupCommands,
  ...roleCommands,
  ...serviceCommands,
  ...userCommands,
];
