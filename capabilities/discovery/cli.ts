// `hansa discovery …`: what people type, and what they see.
import {
  agoText,
  clusterIdSchema,
  HansaError,
  problemText,
  remote,
  requiredArgument,
  type Command,
  type CommandView,
} from '@hansa/foundation';
import { discoveryContract, type DiscoveryStatus, type Found, type WayStatus } from './contract.ts';

const list: Command = {
  noun: 'discovery',
  verb: 'list',
  summary: 'List the clusters that were found, from where and how long ago.',
  examples: ['hansa discovery list'],
  async run({ carrier, signal }) {
    const data = await remote(discoveryContract, carrier).list({}, { signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['CLUSTER', 'NAME', 'LINKED AS', 'VERIFIED', 'FOUND BY', 'SAID', 'WHERE'],
        rows: data.found.map((found) => [
          found.cluster,
          found.name,
          found.linkedAs ?? '',
          found.verified ? 'yes' : 'no',
          sourcesOf(found),
          agoText(found.ageMs),
          placesOf(found),
        ]),
        empty: 'No cluster was found yet.',
      },
      next: data.found.length === 0 ? ['hansa discovery status'] : [],
    };
  },
};

const find: Command = {
  noun: 'discovery',
  verb: 'find',
  summary: 'Look for one cluster in every way that is on; links nothing.',
  args: [{ name: '<cluster>', description: 'its id: 64 hex digits' }],
  examples: [`hansa discovery find ${'8a88e3dd'.repeat(8)}`],
  async run(context) {
    const id = clusterIdSchema.safeParse(requiredArgument(context, 'cluster'));
    if (!id.success) {
      throw new HansaError('USAGE', 'a cluster id is 64 lower-case hex digits', {
        fix: 'on that cluster: hansa status',
      });
    }
    const { carrier, signal } = context;
    const data = await remote(discoveryContract, carrier).find({ cluster: id.data }, { signal });
    return { data, view: foundView(data), next: nextOf(data) };
  },
};

const status: Command = {
  noun: 'discovery',
  verb: 'status',
  summary: 'Show which ways of finding clusters are on, and how they fare.',
  examples: ['hansa discovery status'],
  async run({ carrier, signal }) {
    const data = await remote(discoveryContract, carrier).status({}, { signal });
    return { data, view: statusView(data) };
  },
};

function sourcesOf({ heard }: Found): string {
  return [...new Set(heard.map(({ source }) => source))].join(', ');
}

function placesOf({ endpoints }: Found): string {
  return endpoints.flatMap(({ addresses }) => addresses).join(' ');
}

function foundView(found: Found): CommandView {
  const { cluster, name, linkedAs, verified, apps, ageMs, problem } = found;
  return {
    kind: 'record',
    fields: [
      ['cluster', cluster],
      ['name', name],
      ['linked as', linkedAs ?? 'not linked'],
      ['verified', verified ? 'signed by its key' : 'no: a claim that nobody has proven'],
      ['found by', sourcesOf(found)],
      ['said', agoText(ageMs)],
      ['where', placesOf(found)],
      ['apps', apps.join(' ')],
      ...(problem === undefined ? [] : [['problem', problemText(problem)] as const]),
    ],
  };
}

function nextOf({ linkedAs }: Found): readonly string[] {
  return linkedAs === undefined ? ['hansa link invite'] : [`hansa link show ${linkedAs}`];
}

function statusView({
  announced,
  tracked,
  gossip,
  mdns,
  dht,
  relays,
}: DiscoveryStatus): CommandView {
  const told = `${gossip.taken} taken, ${gossip.refused} refused, ${gossip.forwarded} passed on`;
  return {
    kind: 'record',
    fields: [
      ['announced', announcedText(announced)],
      ['clusters known', String(tracked)],
      ['gossip', wayText(gossip, told)],
      ['local network', wayText(mdns, `${mdns.claims} unproven claims`)],
      ['directory (DHT)', wayText(dht, `${dht.nodes} nodes known`)],
      ['relays', relays.length === 0 ? 'none' : relays.join(' ')],
    ],
  };
}

function announcedText(announced: DiscoveryStatus['announced']): string {
  if (announced === undefined) {
    return 'nothing';
  }
  const places = announced.endpoints.flatMap(({ addresses }) => addresses);
  return `${places.join(' ')} (number ${announced.counter})`;
}

function wayText({ on, problem }: WayStatus, how: string): string {
  const text = on ? `on: ${how}` : 'off';
  return problem === undefined ? text : `${text}\n${problemText(problem)}`;
}

export const discoveryCommands: readonly Command[] = [find, list, status];
