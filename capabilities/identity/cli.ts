// `hansa identity …`: what people type to see and to change the keys of their cluster.
import {
  flagOption,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { identityContract, type Identity, type KeyEntry, type RotationPlan } from './contract.ts';

const log: Command = {
  noun: 'identity',
  verb: 'log',
  summary: 'Show every key that this cluster ever had, the present one last.',
  examples: ['hansa identity log', 'hansa identity log -o json'],
  async run(context) {
    const data = await identityOf(context).log({}, { signal: context.signal });
    return { data, view: keysTable(data.keys), next: ['hansa identity rotate --plan'] };
  },
};

const rotate: Command = {
  noun: 'identity',
  verb: 'rotate',
  summary: 'Make the promised key the present one; links, mirrors and rules stay.',
  options: [
    { flags: '--plan', description: 'show what would happen, and change nothing' },
    { flags: '--yes', description: 'rotate without being asked' },
  ],
  examples: ['hansa identity rotate --plan', 'hansa identity rotate --yes'],
  async run(context) {
    const identity = identityOf(context);
    const { signal } = context;
    const plan = await identity.plan({}, { signal });
    if (flagOption(context, 'plan')) {
      return { data: plan, view: planRecord(plan), next: ['hansa identity rotate'] };
    }
    await requireYes(
      context,
      `Rotate to key ${plan.keyIndex}? The key before it signs nothing any more, and a copy of ` +
        'the key files made before now is refused by every peer.',
    );
    const data = await identity.rotate({}, { signal });
    return rotated(data);
  },
};

function rotated(data: Awaited<ReturnType<Identity['rotate']>>): CommandOutput {
  const { keyIndex, connected, acknowledged, away, restartNeeded } = data;
  const silent = connected.filter((name) => !acknowledged.includes(name));
  const sentences = [
    `Rotated to key ${keyIndex}.`,
    ...(acknowledged.length > 0 ? [`Told and acknowledged: ${acknowledged.join(', ')}.`] : []),
    ...(silent.length > 0 ? [`Told again when they answer: ${silent.join(', ')}.`] : []),
    ...(away.length > 0 ? [`Learn it when they are back: ${away.join(', ')}.`] : []),
    'Back up the folder "keys" now: older copies of it are worthless.',
  ];
  return {
    data,
    view: { kind: 'text', text: sentences.join('\n') },
    next: [restartNeeded ? 'hansa down && hansa up' : 'hansa identity log'],
  };
}

const forget: Command = {
  noun: 'identity',
  verb: 'forget',
  summary: 'Forget a peer’s keys, two claims to one step included; its next proof is believed.',
  args: [{ name: '<peer>', description: 'name or id of the peer' }],
  options: [{ flags: '--yes', description: 'forget without being asked' }],
  examples: ['hansa identity forget bergen', 'hansa identity forget bergen --yes'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    await requireYes(
      context,
      `Forget the keys of ${peer}? Whoever proves to be ${peer} next is believed: first ask its ` +
        'people which record is theirs.',
    );
    const data = await identityOf(context).forget({ peer }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `Forgot the keys of ${peer}.` },
      next: [`hansa link show ${peer}`],
    };
  },
};

function keysTable(keys: readonly KeyEntry[]): CommandView {
  return {
    kind: 'table',
    columns: ['KEY', 'STATE', 'SINCE', 'PUBLIC KEY', 'PROMISES', 'SIGNED BY'],
    rows: keys.map((entry) => [
      String(entry.keyIndex),
      entry.state,
      momentText(entry.createdMs),
      entry.key,
      entry.nextKeyHash,
      signersText(entry),
    ]),
    empty: 'There are no keys.',
  };
}

function signersText({ keyIndex, previousSigned }: KeyEntry): string {
  if (previousSigned === undefined) {
    return 'itself';
  }
  return previousSigned ? `itself and key ${keyIndex - 1}` : 'itself alone';
}

function planRecord(plan: RotationPlan): CommandView {
  return {
    kind: 'record',
    fields: [
      ['next key', `${plan.keyIndex}: ${plan.key}`],
      ['signed by', plan.previousSigns ? 'itself and the present key' : 'itself alone'],
      ['told before it is used', namesText(plan.connected)],
      ['learn it when back', namesText(plan.away)],
      ['stays', 'the cluster’s id, its links, rules and mirrors, and what was signed before'],
    ],
  };
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.join(', ');
}

export const identityCommands: readonly Command[] = [log, rotate, forget];

function identityOf({ carrier }: CommandContext): Identity {
  return remote(identityContract, carrier);
}
