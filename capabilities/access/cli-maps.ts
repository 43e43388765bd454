// `hansa role map|unmap|maps`: what roles, groups and accounts of other clusters are here.
import {
  remote,
  requiredArgument,
  requireYes,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { accessContract, type Access, type RoleMap } from './contract.ts';

const peerArgument = { name: '<peer>', description: 'the cluster whose it is' };
const fromArgument = {
  name: '<theirs>',
  description: 'role:<name>, group:<name>, user:<name> or service:<name>, as that cluster has it',
};

const map: Command = {
  noun: 'role',
  verb: 'map',
  summary: 'Let a role, group or account of another cluster have a role here.',
  args: [peerArgument, fromArgument, { name: '<role>', description: 'one of this cluster' }],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: [
    'hansa role map lubeck role:admin viewer --yes',
    'hansa role map lubeck user:anna operator --yes',
  ],
  async run(context) {
    const { peer, theirs: from } = sides(context);
    const role = requiredArgument(context, 'role');
    await requireYes(context, `Let whoever has ${from} in ${peer} have the role ${role} here?`);
    const data = await accessOf(context).map({ peer, from, role }, { signal: context.signal });
    return {
      data,
      view: textView(`${mapText(data)}.`),
      next: ['hansa role maps', `hansa role unmap ${peer} ${from} ${role}`],
    };
  },
};

const unmap: Command = {
  noun: 'role',
  verb: 'unmap',
  summary: 'Let it have that role no more; without a role, none.',
  args: [peerArgument, fromArgument, { name: '[role]', description: 'one of this cluster' }],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: [
    'hansa role unmap lubeck role:admin --yes',
    'hansa role unmap lubeck user:anna operator --yes',
  ],
  async run(context) {
    const { peer, theirs: from } = sides(context);
    const { role } = context.args;
    const { signal } = context;
    const lost = role === undefined ? 'any role' : `the role ${role}`;
    await requireYes(context, `Let whoever has ${from} in ${peer} no longer have ${lost} here?`);
    const data = await accessOf(context).unmap({ peer, from, role }, { signal });
    const roles = data.removed.map((one) => one.role).join(', ');
    return {
      data,
      view: textView(`${from} of ${peer} has no role ${roles} here any more.`),
      next: ['hansa role maps'],
    };
  },
};

const maps: Command = {
  noun: 'role',
  verb: 'maps',
  summary: 'List what roles, groups and accounts of other clusters are here.',
  options: [{ flags: '--peer <peer>', description: 'of this one alone' }],
  examples: ['hansa role maps'],
  async run(context) {
    const peer = context.options['peer'];
    const asked = typeof peer === 'string' ? { peer } : {};
    const data = await accessOf(context).maps(asked, { signal: context.signal });
    const rows = data.maps.map((one) => [nameOf(one), one.from, one.role]);
    const columns = ['CLUSTER', 'THEIRS', 'ROLE HERE'];
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'nothing of another cluster has a role here' },
      next: ['hansa role map <peer> role:<theirs> <role>'],
    };
  },
};

export const mapCommands: readonly Command[] = [map, unmap, maps];

function sides(context: CommandContext): { readonly peer: string; readonly theirs: string } {
  return {
    peer: requiredArgument(context, 'peer'),
    theirs: requiredArgument(context, 'theirs'),
  };
}

function mapText(one: RoleMap): string {
  return `${one.from} of ${nameOf(one)} is ${one.role} here`;
}

function nameOf({ name, cluster }: RoleMap): string {
  return name ?? cluster.slice(0, 8);
}

function accessOf({ carrier }: CommandContext): Access {
  return remote(accessContract, carrier);
}
