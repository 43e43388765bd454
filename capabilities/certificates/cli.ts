// `hansa cert …`: certificates of people, services and workloads. Authorities, roles and bundles
// are in rooms of their own.
import {
  durationOption,
  durationText,
  flagOption,
  HansaError,
  isHansaError,
  listOption,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import { directoryContract } from '../directory/contract.ts';
import { authorityCommands } from './cli-authority.ts';
import { bundleCommands } from './cli-bundles.ts';
import type { CertificateFiles } from './cli-files.ts';
import { roleCommands } from './cli-roles.ts';
import { subjectText } from './cli-shown.ts';
import {
  certificatesContract,
  type CertificateRow,
  type Certificates,
  type ExpiryRow,
  type IssuedCertificate,
} from './contract.ts';

export type { CertificateFiles } from './cli-files.ts';

const issue = (files: CertificateFiles): Command => ({
  noun: 'cert',
  verb: 'issue',
  summary: 'Issue a certificate to a user, a service or a workload; its key is shown once.',
  options: [
    { flags: '--user <name>', description: 'whom it speaks for' },
    { flags: '--service <name>', description: 'the service account it speaks for' },
    { flags: '--workload <name>', description: 'the workload it is for' },
    { flags: '--role <role>', description: 'within which bounds (default: those of its kind)' },
    { flags: '--request <file>', description: 'a request in PEM: the key stays where it is' },
    { flags: '--dns <name...>', description: 'a DNS name it is good for, where the role allows' },
    { flags: '--ip <address...>', description: 'an address it is good for' },
    { flags: '--ttl <duration>', description: 'how long it counts (default 30d, or the role’s)' },
    { flags: '--out <folder>', description: 'write cert.pem, key.pem and ca.pem there, mode 600' },
    { flags: '--context-file', description: 'and context.json, for hansa context add' },
    { flags: '--url <url>', description: 'where the API is, for the context file' },
    { flags: '--yes', description: 'replace what is in the folder' },
  ],
  examples: [
    'hansa cert issue --user anna --out anna --context-file',
    'hansa cert issue --workload web/1 --role web --dns web.example --ttl 1d --out web',
  ],
  async run(context) {
    const { signal } = context;
    const file = textOption(context, 'request');
    const out = textOption(context, 'out');
    if (out === undefined && flagOption(context, 'contextFile')) {
      throw new HansaError('USAGE', '--context-file needs a folder: --out <folder>');
    }
    if (out !== undefined && !flagOption(context, 'yes')) {
      await files.requireFree(out, ['cert.pem', 'key.pem', 'ca.pem', 'context.json']);
    }
    const subject = subjectOf(context);
    const data = await certificatesOf(context).issue(
      {
        subject,
        role: textOption(context, 'role'),
        ...(file === undefined ? {} : { request: await files.read(file) }),
        dns: listOption(context, 'dns'),
        ips: listOption(context, 'ip'),
        ttlMs: durationOption(context, 'ttl'),
      },
      { signal },
    );
    const shown = out === undefined ? shownOnce(data) : await kept(context, files, { data, out });
    return (await isUnknown(context, subject)) ? warned(shown, subject) : shown;
  },
});

function subjectOf(context: CommandContext): string {
  const given = ['user', 'service', 'workload'].flatMap((kind) => {
    const name = textOption(context, kind);
    return name === undefined ? [] : [`${kind}:${name}`];
  });
  const [subject] = given;
  if (subject === undefined || given.length > 1) {
    throw new HansaError('USAGE', 'name one of --user, --service and --workload', {
      fix: 'hansa cert issue --user <name> --out <folder>',
    });
  }
  return subject;
}

/** Whether there is no such account; whoever may not look is not told. */
async function isUnknown(context: CommandContext, subject: string): Promise<boolean> {
  const directory = remote(directoryContract, context.carrier);
  const [kind, name = ''] = subject.split(':');
  const { signal } = context;
  try {
    if (kind === 'user') {
      await directory.showUser({ user: name }, { signal });
    } else if (kind === 'service') {
      await directory.showService({ service: name }, { signal });
    }
    return false;
  } catch (error) {
    return isHansaError(error, 'PRINCIPAL_UNKNOWN');
  }
}

function warned(output: CommandOutput, subject: string): CommandOutput {
  const [kind = '', name = ''] = subject.split(':');
  const words =
    `There is no ${kind} ${name}: nobody gets in by this certificate, and none counts that is ` +
    'older than its account.';
  return {
    ...output,
    view: { kind: 'stack', views: [output.view, textView(words)] },
    next: [`hansa ${kind} add ${name}  # and issue it again`],
  };
}

function shownOnce(data: IssuedCertificate): CommandOutput {
  const texts = [data.certificate, data.privateKey ?? ''].filter((text) => text !== '');
  const until = `It counts until ${momentText(data.notAfterMs)}.`;
  const once = data.privateKey === undefined ? '' : ' The key is not shown again.';
  const view: CommandView = {
    kind: 'stack',
    views: [...texts.map((text) => textView(text.trim())), textView(`${until}${once}`)],
  };
  return { data, view, next: [`hansa cert show ${data.serial}`] };
}

async function kept(
  context: CommandContext,
  files: CertificateFiles,
  { data, out }: { readonly data: IssuedCertificate; readonly out: string },
): Promise<CommandOutput> {
  const { certificate, privateKey, authorities, ...row } = data;
  const asContext = flagOption(context, 'contextFile');
  const described = {
    url: textOption(context, 'url') ?? '',
    ca: 'ca.pem',
    cert: 'cert.pem',
    key: 'key.pem',
  };
  const texts: Record<string, string> = {
    'cert.pem': certificate,
    'ca.pem': authorities,
    ...(privateKey === undefined ? {} : { 'key.pem': privateKey }),
    ...(asContext ? { 'context.json': `${JSON.stringify(described, undefined, 2)}\n` } : {}),
  };
  const written = await files.write(out, texts);
  const shown = { ...row, files: written };
  const url = described.url === '' ? 'https://<host>:<port>' : described.url;
  return {
    data: shown,
    view: textView(
      `Wrote ${written.join(', ')}. ` +
        `The certificate counts until ${momentText(data.notAfterMs)}; nobody else has the key.`,
    ),
    next: [
      asContext
        ? `hansa context add <name> --from ${out}/context.json --url ${url}`
        : `hansa cert show ${data.serial}`,
    ],
  };
}

const list: Command = {
  noun: 'cert',
  verb: 'list',
  summary: 'List certificates that have not run out; never their keys.',
  options: [{ flags: '--after <serial>', description: 'go on after this one' }],
  examples: ['hansa cert list'],
  async run(context) {
    const after = textOption(context, 'after');
    const data = await certificatesOf(context).list({ after }, { signal: context.signal });
    const columns = ['SERIAL', 'FOR', 'ROLE', 'UNTIL', 'STATE'];
    const rows = data.certificates.map((row) => [
      row.serial,
      subjectText(row.spiffeId),
      row.role,
      momentText(row.notAfterMs),
      stateOf(row),
    ]);
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'no certificate is out' },
      next: data.more
        ? [`hansa cert list --after ${data.certificates.at(-1)?.serial ?? ''}`]
        : ['hansa cert issue --user <name> --out <folder>'],
    };
  },
};

function stateOf({ revokedMs }: CertificateRow): string {
  return revokedMs === undefined ? 'counts' : 'revoked';
}

const show: Command = {
  noun: 'cert',
  verb: 'show',
  summary: 'Show a certificate: for whom, until when, and its text.',
  args: [{ name: '<serial>', description: 'as hansa cert list shows it' }],
  examples: ['hansa cert show 4c6f6e646f6e'],
  async run(context) {
    const serial = requiredArgument(context, 'serial');
    const data = await certificatesOf(context).show({ serial }, { signal: context.signal });
    const fields: (readonly [string, string])[] = [
      ['serial', data.serial],
      ['for', data.spiffeId],
      ['role', data.role],
      ['names', [...data.dns, ...data.ips].join(', ') || 'none'],
      ['counts', `${momentText(data.notBeforeMs)} to ${momentText(data.notAfterMs)}`],
      ['signed by', data.root],
      ['state', `${stateOf(data)}${data.reason === undefined ? '' : `: ${data.reason}`}`],
    ];
    return {
      data,
      view: {
        kind: 'stack',
        views: [{ kind: 'record', fields }, textView(data.certificate.trim())],
      },
      next: [`hansa cert revoke ${serial}`],
    };
  },
};

const revoke: Command = {
  noun: 'cert',
  verb: 'revoke',
  summary: 'Make a certificate count no more, here at once and at linked clusters when told.',
  args: [{ name: '<serial>', description: 'as hansa cert list shows it' }],
  options: [
    { flags: '--reason <text>', description: 'for people who look later' },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa cert revoke 4c6f6e646f6e --reason "laptop lost" --yes'],
  async run(context) {
    const { signal } = context;
    const serial = requiredArgument(context, 'serial');
    await requireYes(context, `Revoke certificate ${serial}? It cannot be made to count again.`);
    const reason = textOption(context, 'reason');
    const data = await certificatesOf(context).revoke({ serial, reason }, { signal });
    return {
      data,
      view: textView(`Revoked ${serial} of ${subjectText(data.spiffeId)}.`),
      next: ['hansa cert list', 'hansa cert crl'],
    };
  },
};

const crl: Command = {
  noun: 'cert',
  verb: 'crl',
  summary: 'Print the revocation lists in PEM, for other programs.',
  examples: ['hansa cert crl'],
  async run(context) {
    const data = await certificatesOf(context).crl({}, { signal: context.signal });
    return { data, view: textView(data.lists.join('').trim()) };
  },
};

const expiring: Command = {
  noun: 'cert',
  verb: 'expiring',
  summary: 'List what runs out, the first to end first.',
  options: [{ flags: '--within <duration>', description: 'only what ends so soon' }],
  examples: ['hansa cert expiring --within 14d'],
  async run(context) {
    const withinMs = durationOption(context, 'within');
    const data = await certificatesOf(context).expiring({ withinMs }, { signal: context.signal });
    const columns = ['WHAT', 'FOR', 'SERIAL', 'LEFT', ''];
    const rows = data.certificates.map((row) => [
      row.what,
      subjectText(row.subject),
      row.serial,
      leftText(row),
      row.ending ? 'act now' : '',
    ]);
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'nothing runs out' },
      next: ['hansa cert issue --user <name> --out <folder>'],
    };
  },
};

function leftText({ leftMs }: ExpiryRow): string {
  return leftMs <= 0 ? 'none' : durationText(leftMs);
}

/** The host has the files. */
export const certificatesCommands = (files: CertificateFiles): readonly Command[] => [
  issue(files),
  list,
  show,
  revoke,
  crl,
  expiring,
  ...authorityCommands,
  ...roleCommands,
  ...bundleCommands(files),
];

function certificatesOf({ carrier }: CommandContext): Certificates {
  return remote(certificatesContract, carrier);
}
