// `hansa sync push`: asks the owner of a mirrored resource to take a change of ours.
import { remote, requiredArgument, textOption, type Command } from '@hansa/foundation';
import { syncContract } from './contract.ts';

export const push: Command = {
  noun: 'sync',
  verb: 'push',
  summary: 'Ask the owner of a mirrored resource to take a change of ours; its policy decides.',
  args: [{ name: '<mirror>', description: '<peer>:<name>, as hansa mirror list shows it' }],
  options: [
    { flags: '--ref <ref>', description: 'the ref that is to move', default: 'refs/heads/main' },
    { flags: '--target <object>', description: 'where it is to point (default: as it is here)' },
  ],
  examples: ['hansa sync push lubeck:hansa --ref refs/heads/main'],
  async run(context) {
    const resource = requiredArgument(context, 'mirror');
    const ref = textOption(context, 'ref') ?? 'refs/heads/main';
    const target = textOption(context, 'target');
    const sync = remote(syncContract, context.carrier);
    const data = await sync.push({ resource, ref, target }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `The owner took it into ${data.lane}.` },
      next: ['hansa sync status'],
    };
  },
};
