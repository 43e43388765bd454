// `hansa registry …`: registering where something listens, and finding it.
import {
  countOption,
  durationOption,
  HansaError,
  labelOption,
  listOption,
  remote,
  requiredArgument,
  requiredOption,
  runHolding,
  showWatch,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
  type CommandOutput,
  type CommandView,
  type ProgramRunner,
} from '@hansa/foundation';
import {
  healths,
  registryContract,
  type Filter,
  type Health,
  type Instance,
  type Services,
} from './contract.ts';

export interface ServiceTerminal extends ProgramRunner {
  print(item: unknown, line: string): Promise<void>;
}

const serviceArgument = { name: '<service>', description: 'what the service is called' };
const instanceArgument = { name: '<instance>', description: 'which of its instances' };
const registrationOptions: readonly CommandOption[] = [
  { flags: '--address <text>', description: 'where it listens: a host or a URL', required: true },
  { flags: '--port <number>', description: 'and at which port' },
  { flags: '--version <text>', description: 'of what runs there' },
  { flags: '--tag <text...>', description: 'for choosing it; repeatable' },
  { flags: '--metadata <key=value...>', description: 'for whoever finds it; repeatable' },
  { flags: '--weight <count>', description: 'its share of the work, up to 1000 (default 100)' },
  { flags: '--ttl <duration>', description: 'gone if not heard of for so long (default 30s)' },
];
const filterOptions: readonly CommandOption[] = [
  { flags: '--tag <text...>', description: 'those that have all of them; repeatable' },
  { flags: '--version <text>', description: '1.2 finds 1.2 and 1.2.9' },
  {
    flags: '--health <health>',
    description: 'only these (default: all but critical ones)',
    choices: [...healths, 'any'],
  },
  { flags: '--limit <count>', description: 'how many at most' },
];
const tokenOption: CommandOption = {
  flags: '--token <number>',
  description: 'the number that the registration was answered with',
  required: true,
};
const secondMs = 1_000;

export function servicesCommands(terminal: ServiceTerminal): readonly Command[] {
  return [
    register,
    runCommand(terminal),
    heartbeat,
    deregister,
    discover,
    watchCommand(terminal),
    list,
  ];
}

function servicesOf({ carrier }: CommandContext): Services {
  return remote(registryContract, carrier);
}

function registerNow(context: CommandContext): Promise<Instance> {
  const ttlMs = durationOption(context, 'ttl');
  return servicesOf(context).register(
    {
      service: requiredArgument(context, 'service'),
      instance: requiredArgument(context, 'instance'),
      address: requiredOption(context, 'address'),
      port: countOption(context, 'port', 1),
      version: textOption(context, 'version'),
      tags: listOption(context, 'tag'),
      metadata: labelOption(context, 'metadata'),
      weight: countOption(context, 'weight', 1),
      ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / secondMs),
    },
    { signal: context.signal },
  );
}

const register: Command = {
  noun: 'registry',
  verb: 'register',
  summary: 'Register an instance of a service; an older registration of it counts no more.',
  args: [serviceArgument, instanceArgument],
  options: registrationOptions,
  examples: ['hansa registry register billing b1 --address 127.0.0.1 --port 8080 --tag eu'],
  async run(context) {
    const data = await registerNow(context);
    const { service, instance, token, ttlSeconds } = data;
    return {
      data,
      view: textView(`Registered as ${token}, for ${ttlSeconds} s unless heard of.`),
      next: [`hansa registry heartbeat ${service} ${instance} --token ${token}`],
    };
  },
};

function runCommand(runner: ProgramRunner): Command {
  return {
    noun: 'registry',
    verb: 'run',
    summary: 'Run a program, registered as an instance for as long as it runs.',
    args: [
      serviceArgument,
      instanceArgument,
      { name: '<command...>', description: 'the program, after "--"' },
    ],
    options: registrationOptions,
    examples: ['hansa registry run billing b1 --address 127.0.0.1 --port 8080 -- ./billing'],
    async run(context): Promise<CommandOutput> {
      const given: unknown = context.args['command'];
      const words = Array.isArray(given) ? given.map(String) : [];
      if (words.length === 0) {
        throw new HansaError('USAGE', '<command> is missing', { fix: 'see --help' });
      }
      const services = servicesOf(context);
      const made = await registerNow(context);
      const { service, instance, token, ttlSeconds } = made;
      const key = { service, instance, token };
      const sentMs = runner.clock.monotonicMs();
      await services.heartbeat(key);
      const held = {
        hold: made,
        ttlSeconds,
        sentMs,
        env: { HANSA_SERVICE: service, HANSA_SERVICE_INSTANCE: instance },
        renew: () => services.heartbeat(key),
        release: () => services.deregister(key),
      };
      return runHolding(context, runner, { words, held });
    },
  };
}

function keyOf(context: CommandContext): { service: string; instance: string; token: number } {
  const text = textOption(context, 'token') ?? '';
  if (!/^[1-9]\d{0,15}$/.test(text)) {
    throw new HansaError('USAGE', '--token is the number that the registration was answered with');
  }
  return {
    service: requiredArgument(context, 'service'),
    instance: requiredArgument(context, 'instance'),
    token: Number(text),
  };
}

const heartbeat: Command = {
  noun: 'registry',
  verb: 'heartbeat',
  summary: 'Say that an instance is alive, and how it is.',
  args: [serviceArgument, instanceArgument],
  options: [
    tokenOption,
    { flags: '--health <health>', description: 'how it is from now on', choices: healths },
  ],
  examples: ['hansa registry heartbeat billing b1 --token 7 --health warning'],
  async run(context) {
    const health = textOption(context, 'health') as Health | undefined;
    const asked = { ...keyOf(context), health };
    const data = await servicesOf(context).heartbeat(asked, { signal: context.signal });
    return { data, view: textView(`Alive for ${data.ttlSeconds} s.`) };
  },
};

const deregister: Command = {
  noun: 'registry',
  verb: 'deregister',
  summary: 'Take an instance out of the registry.',
  args: [serviceArgument, instanceArgument],
  options: [tokenOption],
  examples: ['hansa registry deregister billing b1 --token 7'],
  async run(context) {
    const data = await servicesOf(context).deregister(keyOf(context), { signal: context.signal });
    return { data, view: textView(`${data.instance} of ${data.service} is gone.`) };
  },
};

function filterOf(context: CommandContext): Filter & { service: string } {
  const tags = listOption(context, 'tag');
  return {
    service: requiredArgument(context, 'service'),
    ...(tags.length === 0 ? {} : { tags }),
    version: textOption(context, 'version'),
    health: textOption(context, 'health') as Filter['health'],
    limit: countOption(context, 'limit', 1),
  };
}

const discover: Command = {
  noun: 'registry',
  verb: 'discover',
  summary: 'Find instances of a service.',
  args: [serviceArgument],
  options: filterOptions,
  examples: [
    'hansa registry discover billing --tag eu',
    'hansa registry discover billing --health any',
  ],
  async run(context) {
    const data = await servicesOf(context).discover(filterOf(context), {
      signal: context.signal,
    });
    return { data, view: instancesView(data.instances) };
  },
};

function instancesView(instances: readonly Instance[]): CommandView {
  return {
    kind: 'table',
    columns: ['INSTANCE', 'WHERE', 'VERSION', 'HEALTH', 'TAGS', 'WEIGHT'],
    rows: instances.map((each) => [
      each.instance,
      whereText(each),
      each.version,
      each.health,
      each.tags.join(' '),
      String(each.weight),
    ]),
    empty: 'No instance fits.',
  };
}

function whereText({ address, port }: Instance): string {
  return port === undefined ? address : `${address}:${port}`;
}

function watchCommand({ print }: ServiceTerminal): Command {
  return {
    noun: 'registry',
    verb: 'watch',
    summary: 'Show the instances of a service whenever they change, until interrupted.',
    args: [serviceArgument],
    options: filterOptions,
    examples: ['hansa registry watch billing'],
    async run(context) {
      const filter = filterOf(context);
      return showWatch(context, {
        open: () => servicesOf(context).watch(filter, { signal: context.signal }),
        async show(each) {
          const lines = each.instances.map((one) => `${one.instance}=${whereText(one)}`);
          await print(each, lines.length === 0 ? 'no instance' : lines.join('  '));
        },
      });
    },
  };
}

const list: Command = {
  noun: 'registry',
  verb: 'list',
  summary: 'List services that have instances.',
  examples: ['hansa registry list'],
  async run(context) {
    const data = await servicesOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['SERVICE', 'INSTANCES', 'PASSING'],
        rows: data.services.map(({ service, instances, passing }) => [
          service,
          String(instances),
          String(passing),
        ]),
        empty: 'No service is registered.',
      },
    };
  },
};
