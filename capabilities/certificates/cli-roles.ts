// `hansa cert role …`: the bounds within which certificates are issued.
import {
  durationOption,
  durationText,
  flagOption,
  HansaError,
  listOption,
  remote,
  requiredArgument,
  requireYes,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import {
  certificatesContract,
  leafTtlDefaultMs,
  leafTtlMaxMs,
  type CertificateRole,
  type Certificates,
} from './contract.ts';

const list: Command = {
  noun: 'cert',
  verb: 'role list',
  summary: 'List the roles within which certificates are issued.',
  examples: ['hansa cert role list'],
  async run(context) {
    const data = await certificatesOf(context).roles({}, { signal: context.signal });
    const columns = ['ROLE', 'FOR', 'NAMES', 'DNS', 'ADDRESSES', 'AT MOST', 'USE'];
    const rows = data.roles.map((role) => [
      role.role,
      role.kinds.join(' '),
      role.names.join(' '),
      role.dns.join(' '),
      role.ips.join(' '),
      durationText(role.ttlMaxMs),
      useText(role),
    ]);
    return {
      data,
      view: { kind: 'table', columns, rows, empty: 'there is no role' },
      next: ['hansa cert role put <role> --kind workload --name "web/*" --dns web.example'],
    };
  },
};

function useText({ client, server }: CertificateRole): string {
  return [...(client ? ['client'] : []), ...(server ? ['server'] : [])].join(' ');
}

const put: Command = {
  noun: 'cert',
  verb: 'role put',
  summary: 'Make or change a role: for whom, which names, how long, for which use.',
  args: [{ name: '<role>', description: 'what it is called' }],
  options: [
    { flags: '--kind <kind...>', description: 'user, service or workload', required: true },
    { flags: '--name <pattern...>', description: 'of names: "web/*", "**"', required: true },
    { flags: '--dns <pattern...>', description: 'DNS names: "web.example", "*.example", "*"' },
    { flags: '--ip <address...>', description: 'addresses, or "*"' },
    {
      flags: '--max-ttl <duration>',
      description: `how long its certificates count at most, up to ${durationText(leafTtlMaxMs)}`,
    },
    { flags: '--server', description: 'for servers' },
    { flags: '--client', description: 'for clients; of both where neither is named' },
  ],
  examples: ['hansa cert role put web --kind workload --name "web/*" --dns web.example --server'],
  async run(context) {
    const role = requiredArgument(context, 'role');
    const [client, server] = [flagOption(context, 'client'), flagOption(context, 'server')];
    const neither = !client && !server;
    const kinds = listOption(context, 'kind').map(kindOf);
    const data = await certificatesOf(context).putRole(
      {
        role,
        kinds,
        names: listOption(context, 'name'),
        dns: listOption(context, 'dns'),
        ips: listOption(context, 'ip'),
        ttlMaxMs: durationOption(context, 'maxTtl') ?? leafTtlDefaultMs,
        client: client || neither,
        server: server || neither,
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`Certificates within ${role}: ${kinds.join(', ')}, ${data.names.join(', ')}.`),
      next: [`hansa cert issue --${kinds[0] ?? 'user'} <name> --role ${role} --out <folder>`],
    };
  },
};

function kindOf(text: string): CertificateRole['kinds'][number] {
  if (text === 'user' || text === 'service' || text === 'workload') {
    return text;
  }
  throw new HansaError('USAGE', `--kind is user, service or workload, not "${text}"`);
}

const remove: Command = {
  noun: 'cert',
  verb: 'role remove',
  summary: 'Remove a role; certificates that were issued within it stay.',
  args: [{ name: '<role>', description: 'as hansa cert role list shows it' }],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['hansa cert role remove web --yes'],
  async run(context) {
    const role = requiredArgument(context, 'role');
    await requireYes(context, `Remove the certificate role ${role}?`);
    const data = await certificatesOf(context).removeRole({ role }, { signal: context.signal });
    return { data, view: textView(`Removed ${role}.`), next: ['hansa cert role list'] };
  },
};

export const roleCommands: readonly Command[] = [list, put, remove];

function certificatesOf({ carrier }: CommandContext): Certificates {
  return remote(certificatesContract, carrier);
}
