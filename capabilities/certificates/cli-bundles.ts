// `hansa cert bundle …`: whom to believe, of this cluster and of linked ones.
import {
  flagOption,
  momentText,
  remote,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import type { CertificateFiles } from './cli-files.ts';
import { certificatesContract, type BundleView, type Certificates } from './contract.ts';

const peerArgument = { name: '[peer]', description: 'of a linked cluster; of this one without' };

const show: Command = {
  noun: 'cert',
  verb: 'bundle show',
  summary: 'Show whose signature counts for a cluster’s certificates.',
  args: [peerArgument],
  examples: ['hansa cert bundle show', 'hansa cert bundle show bergen'],
  async run(context) {
    const data = await bundleOf(context);
    const fields: (readonly [string, string])[] = [
      ['trust domain', `spiffe://${data.cluster}`],
      ['sequence', String(data.spiffe.spiffe_sequence)],
      ['authorities', String(data.spiffe.keys.length)],
      ['asked for anew', `every ${data.spiffe.spiffe_refresh_hint} seconds`],
      ['revoked', `${data.revoked.length} certificates`],
      ...(data.receivedMs === undefined
        ? []
        : [['received', momentText(data.receivedMs)] as const]),
      ...(data.problem === undefined ? [] : [['refused since', data.problem] as const]),
    ];
    const peer = context.args['peer'];
    return {
      data,
      view: { kind: 'record', fields },
      next: [`hansa cert bundle export${peer === undefined ? '' : ` ${peer}`} --out <folder>`],
    };
  },
};

const exported = (files: CertificateFiles): Command => ({
  noun: 'cert',
  verb: 'bundle export',
  summary: 'Print a bundle as SPIFFE’s JSON or as PEM, or write both into a folder.',
  args: [peerArgument],
  options: [
    { flags: '--format <format>', description: 'what to print', choices: ['spiffe', 'pem'] },
    { flags: '--out <folder>', description: 'write bundle.json and ca.pem there' },
    { flags: '--yes', description: 'replace what is in the folder' },
  ],
  examples: ['hansa cert bundle export', 'hansa cert bundle export bergen --format pem'],
  async run(context) {
    const data = await bundleOf(context);
    const json = JSON.stringify(data.spiffe, undefined, 2);
    const out = textOption(context, 'out');
    if (out === undefined) {
      const pem = textOption(context, 'format') === 'pem';
      const text = pem ? data.authorities.trim() : json;
      return { data: pem ? { authorities: data.authorities } : data.spiffe, view: textView(text) };
    }
    const texts = { 'bundle.json': `${json}\n`, 'ca.pem': data.authorities };
    if (!flagOption(context, 'yes')) {
      await files.requireFree(out, Object.keys(texts));
    }
    const written = await files.write(out, texts);
    return { data: { files: written }, view: textView(`Wrote ${written.join(', ')}.`) };
  },
});

function bundleOf(context: CommandContext): Promise<BundleView> {
  const certificates: Certificates = remote(certificatesContract, context.carrier);
  return certificates.bundle({ peer: context.args['peer'] }, { signal: context.signal });
}

export const bundleCommands = (files: CertificateFiles): readonly Command[] => [
  show,
  exported(files),
];
