// `hansa cert ca …`: the authorities of this cluster, and their rotation.
import {
  flagOption,
  momentText,
  remote,
  requireYes,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { certificatesContract, type Certificates, type RootRotation } from './contract.ts';

const show: Command = {
  noun: 'cert',
  verb: 'ca show',
  summary: 'Show the authorities of this cluster: which signs, and until when.',
  examples: ['hansa cert ca show'],
  async run(context) {
    const data = await certificatesOf(context).authority({}, { signal: context.signal });
    const columns = ['SERIAL', 'STATE', 'SIGNS FROM', 'UNTIL', 'CERTIFICATES'];
    const rows = data.roots.map((root) => [
      root.serial,
      root.state,
      momentText(root.signsFromMs),
      momentText(root.notAfterMs),
      String(root.issued),
    ]);
    const view: CommandView = {
      kind: 'stack',
      views: [
        textView(`Trust domain ${data.trustDomain}`),
        { kind: 'table', columns, rows, empty: 'there is no authority' },
      ],
    };
    return { data, view, next: ['hansa cert ca rotate --plan', 'hansa cert bundle show'] };
  },
};

const rotate: Command = {
  noun: 'cert',
  verb: 'ca rotate',
  summary: 'Make the next authority: published at once, it signs when everybody may know it.',
  options: [
    { flags: '--plan', description: 'show what would happen, and change nothing' },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa cert ca rotate --plan', 'hansa cert ca rotate --yes'],
  async run(context) {
    const { signal } = context;
    const certificates = certificatesOf(context);
    const plan = await certificates.planRotation({}, { signal });
    if (flagOption(context, 'plan')) {
      return { data: plan, view: rotationView(plan), next: ['hansa cert ca rotate'] };
    }
    await requireYes(context, 'Make another authority of certificates, and let it sign next?');
    const data = await certificates.rotate({}, { signal });
    return { data, view: rotationView(data), next: ['hansa cert ca show'] };
  },
};

function rotationView(rotation: RootRotation): CommandView {
  const { present, next, signsFromMs, retiresMs, connected, away } = rotation;
  return {
    kind: 'record',
    fields: [
      ['signs now', present],
      ['next', next ?? 'not made yet'],
      ['signs from', momentText(signsFromMs)],
      ['the present one goes', `after ${momentText(retiresMs)}, when nothing of it counts`],
      ['told at once', namesText(connected)],
      ['told when back', namesText(away)],
    ],
  };
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.join(', ');
}

export const authorityCommands: readonly Command[] = [show, rotate];

function certificatesOf({ carrier }: CommandContext): Certificates {
  return remote(certificatesContract, carrier);
}
