// `hansa mirror …` and `hansa sync …`: what people type, and what they see.
import {
  remote,
  requiredArgument,
  requireYes,
  textOption,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { linksContract } from '../links/contract.ts';
import { now } from './cli-now.ts';
import { mirrorName, mirrorRecord, mirrorsTable, progressView, remedies } from './cli-shown.ts';
import { syncContract, type Mirror, type Sync } from './contract.ts';

const mirrorArgument = {
  name: '<mirror>',
  description: '<peer>:<name>, as hansa mirror list shows it',
};
const peerOption = { flags: '--peer <peer>', description: 'only mirrors of this peer’s things' };

const add: Command = {
  noun: 'mirror',
  verb: 'add',
  summary: 'Mirror a resource of a linked cluster: a verified, read-only copy that keeps up.',
  args: [{ name: '<resource>', description: '<peer>:<name>, as hansa catalog list shows it' }],
  examples: ['hansa mirror add lubeck:hansa'],
  async run(context) {
    const resource = requiredArgument(context, 'resource');
    const { carrier, signal } = context;
    const data = await syncOf(context).add({ resource }, { signal });
    const links = remote(linksContract, carrier);
    const { status } = await links.show({ peer: data.owner }, { signal });
    const waits = status === 'pending';
    const when = waits
      ? `The link with ${data.ownerName} waits for confirmation: nothing is pulled before.`
      : `It is pulled while ${data.ownerName} is connected.`;
    return {
      data,
      view: { kind: 'text', text: `Mirroring ${mirrorName(data)}. ${when}` },
      next: waits
        ? [`hansa link show ${data.ownerName}`]
        : ['hansa sync status', `hansa sync now ${mirrorName(data)}`],
    };
  },
};

const list: Command = {
  noun: 'mirror',
  verb: 'list',
  summary: 'List the mirrors kept here.',
  options: [peerOption],
  examples: ['hansa mirror list', 'hansa mirror list --peer lubeck'],
  async run(context) {
    const peer = textOption(context, 'peer');
    const data = await syncOf(context).list({ peer }, { signal: context.signal });
    return { data, view: mirrorsTable(data.mirrors), next: nextOf(data.mirrors) };
  },
};

const show: Command = {
  noun: 'mirror',
  verb: 'show',
  summary: 'Show one mirror: what is applied, what is known of its owner, the last error.',
  args: [mirrorArgument],
  examples: ['hansa mirror show lubeck:hansa'],
  async run(context) {
    const resource = requiredArgument(context, 'mirror');
    const data = await syncOf(context).show({ resource }, { signal: context.signal });
    return { data, view: mirrorRecord(data), next: [`hansa sync now ${mirrorName(data)}`] };
  },
};

const remove: Command = {
  noun: 'mirror',
  verb: 'remove',
  summary: 'Delete a mirror with everything that only it needed; the owner keeps its own.',
  args: [mirrorArgument],
  options: [{ flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa mirror remove lubeck:hansa', 'hansa mirror remove lubeck:hansa --yes'],
  async run(context) {
    const sync = syncOf(context);
    const { signal } = context;
    const spelled = requiredArgument(context, 'mirror');
    const mirror = await sync.show({ resource: spelled }, { signal });
    await requireYes(context, `Delete the copy of ${mirrorName(mirror)} that is kept here?`);
    const data = await sync.remove({ resource: mirror.resource }, { signal });
    return {
      data,
      view: { kind: 'text', text: `Deleted the mirror of ${mirrorName(data)}.` },
      next: ['hansa mirror list'],
    };
  },
};

const status: Command = {
  noun: 'sync',
  verb: 'status',
  summary: 'Show how far every mirror is, and what keeps it back.',
  options: [peerOption],
  examples: ['hansa sync status', 'hansa sync status --peer lubeck'],
  async run(context) {
    const peer = textOption(context, 'peer');
    const data = await syncOf(context).list({ peer }, { signal: context.signal });
    return { data, view: progressView(data.mirrors), next: nextOf(data.mirrors) };
  },
};

function nextOf(mirrors: readonly Mirror[]): readonly string[] {
  if (mirrors.length === 0) {
    return ['hansa catalog list', 'hansa mirror add <peer>:<name>'];
  }
  const hints = remedies(mirrors);
  return hints.length === 0 ? ['hansa repo list'] : hints;
}

export const syncCommands: readonly Command[] = [add, list, show, remove, status, now];

function syncOf({ carrier }: CommandContext): Sync {
  return remote(syncContract, carrier);
}
