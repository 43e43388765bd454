// `hansa seal status|rewrap|rotate`: what people type, and what they see.
import {
  HansaError,
  momentText,
  remote,
  requireYes,
  textOption,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { sealingContract, type Rotation, type Sealing, type SealStatus } from './contract.ts';

const status: Command = {
  noun: 'seal',
  verb: 'status',
  summary: 'Show whether what lies on the node’s disk is sealed, and how a rotation goes.',
  examples: ['hansa seal status'],
  async run(context) {
    const data = await sealingOf(context).status({}, { signal: context.signal });
    return { data, view: statusView(data), next: nextOf(data) };
  },
};

/** From where the person is to where the node can read it. */
export type WholePath = (path: string) => string;

const rewrap = (wholePath: WholePath): Command => ({
  noun: 'seal',
  verb: 'rewrap',
  summary: 'Put the data keys under another key; the next start needs that one.',
  options: [
    { flags: '--key-file <path>', description: 'the new key, as a file on the node’s machine' },
    {
      flags: '--age-identity <path>',
      description: 'or an age identity, as a file on the node’s machine',
    },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa seal rewrap --key-file seal-2.key --yes'],
  async run(context) {
    const given = (name: string): string | undefined => {
      const typed = textOption(context, name);
      return typed === undefined ? undefined : wholePath(typed);
    };
    const [keyFile, ageIdentityFile] = [given('keyFile'), given('ageIdentity')];
    const path = keyFile ?? ageIdentityFile;
    if (path === undefined) {
      throw new HansaError('USAGE', 'which key is the new one?', {
        fix: 'name it: --key-file <path> or --age-identity <path>',
      });
    }
    await requireYes(context, `Open this node with ${path} alone, from its next start on?`);
    const input = { keyFile, ageIdentityFile };
    const data = await sealingOf(context).rewrap(input, { signal: context.signal });
    const flag = keyFile === undefined ? '--seal-age-identity' : '--seal-key-file';
    return { data, view: statusView(data), next: [`hansa down && hansa up ${flag} ${path}`] };
  },
});

const rotate: Command = {
  noun: 'seal',
  verb: 'rotate',
  summary: 'Make a new data key, and seal anew all that lies there; the node runs on.',
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['hansa seal rotate --yes'],
  async run(context) {
    await requireYes(context, 'Seal anew all that lies on this node’s disk?');
    const data = await sealingOf(context).rotate({}, { signal: context.signal });
    return { data, view: statusView(data), next: ['hansa seal status'] };
  },
};

/** The host has the files. */
export const sealingCommands = (wholePath: WholePath): readonly Command[] => [
  status,
  rewrap(wholePath),
  rotate,
];

function statusView(data: SealStatus): CommandView {
  if (!data.sealed) {
    return { kind: 'text', text: 'Nothing is sealed: whoever reads the disk reads what is on it.' };
  }
  const made = data.madeMs === undefined ? '' : `, made ${momentText(data.madeMs)}`;
  return {
    kind: 'record',
    fields: [
      ['sealed', 'the store and the key files'],
      ['by', data.by === 'age' ? 'an age identity' : 'a key'],
      ['data key', `${data.version ?? ''}${made}`],
      ['rotation', rotationText(data.rotation)],
    ],
  };
}

function rotationText(rotation: Rotation | undefined): string {
  if (rotation === undefined) {
    return 'none under way';
  }
  const { done, total, problem } = rotation;
  const held = problem === undefined ? '' : `; it is tried again: ${problem}`;
  return `${done} of ${total} records${held}`;
}

function nextOf({ sealed, rotation }: SealStatus): readonly string[] {
  if (!sealed) {
    return ['hansa down && hansa up --seal-key-file <file>'];
  }
  return rotation === undefined ? ['hansa seal rotate'] : ['hansa seal status'];
}

function sealingOf({ carrier }: CommandContext): Sealing {
  return remote(sealingContract, carrier);
}
