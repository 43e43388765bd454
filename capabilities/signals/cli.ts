// `hansa signal get|set|emit|watch`: params and signals at a router of the protocol, ours or
// anybody's. `hansa signal serve` starts one, and stands with the command line.
import {
  countOption,
  durationOption,
  flagOption,
  HansaError,
  momentText,
  requiredArgument,
  showWatch,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import {
  amountOption,
  atRouter,
  doorOf,
  doorOptions,
  givenOf,
  nextAt,
  routerOf,
  valueOptions,
  valueText,
} from './cli-door.ts';
import { benchCommand } from './cli-bench.ts';
import { deskCommands } from './cli-desk.ts';
import { newsLine, oneOf, typesOf } from './cli-news.ts';
import { peersCommand } from './cli-peers.ts';
import { replayCommand } from './cli-replay.ts';
import type { SignalTerminal } from './cli-terminal.ts';
import { tokenCommands } from './cli-tokens.ts';
import {
  publishedTypes,
  signalKinds,
  touchIdMax,
  touchPhases,
  type PublishedType,
  type TouchPhase,
} from './contract.ts';

export type { RouterDoor, SignalTerminal } from './cli-terminal.ts';

const secondMs = 1_000;
const addressArgument = { name: '<address>', description: 'for example /stage/light/1' };

export function signalCommands(terminal: SignalTerminal): readonly Command[] {
  return [
    getCommand(terminal),
    setCommand(terminal),
    emitCommand(terminal),
    watchCommand(terminal),
    replayCommand(terminal),
    benchCommand(terminal),
    ...deskCommands,
    peersCommand,
    ...tokenCommands,
  ];
}

function getCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'get',
    summary: 'Show what stands at an address of a signal router.',
    args: [addressArgument],
    options: doorOptions,
    examples: [
      'hansa signal get /stage/light/1',
      'hansa -o json signal get /stage/light/1 --url ws://127.0.0.1:7330',
    ],
    async run(context) {
      const address = requiredArgument(context, 'address');
      const data = await atRouter(context, terminal, (client) => client.get(address));
      const { value, revision, writer, writtenMs } = data;
      return {
        data,
        view: {
          kind: 'record',
          fields: [
            ['address', address],
            ['value', valueText(value)],
            ['revision', String(revision)],
            ...(writer === undefined ? [] : [['written by', writer] as const]),
            ...(writtenMs === undefined ? [] : [['at', momentText(writtenMs)] as const]),
          ],
        },
        next: [nextAt(context, 'watch', address)],
      };
    },
  };
}

function setCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'set',
    summary: 'Set a param at an address; all who are subscribed are told.',
    args: [addressArgument, { name: '<value>', description: 'JSON, else a text; -- before -1' }],
    options: [
      ...doorOptions,
      ...valueOptions,
      {
        flags: '--if-revision <number>',
        description: 'not where another one stands there; where nothing does it is written',
      },
      {
        flags: '--lock',
        description: 'and let nobody else write it, until interrupted; with --url',
      },
      { flags: '--ttl <duration>', description: 'how long it lives; 0s for ever' },
    ],
    examples: [
      'hansa signal set /stage/light/1 0.75',
      `hansa signal set /stage/colour '{"r":1,"g":0.5}' --ttl 1h`,
    ],
    async run(context) {
      const address = requiredArgument(context, 'address');
      const given = givenOf(context);
      const ttlMs = durationOption(context, 'ttl');
      const setting = {
        ...given,
        address,
        expected: countOption(context, 'ifRevision'),
        ...lockOf(context, terminal),
        ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / secondMs),
      };
      const data = await atRouter(context, terminal, async (client) => {
        const taken = await client.set(setting);
        if (setting.lock === true) {
          context.progress(`holding the lock of ${address}; interrupt to let go`);
          await client.ended();
        }
        return taken;
      });
      const revision = data.revision === undefined ? '' : `, revision ${data.revision}`;
      return {
        data,
        view: textView(`${address} = ${valueText(given.value)}${revision}`),
        next: [nextAt(context, 'get', address)],
      };
    },
  };
}

/** A lock ends with its session, and each call to a cluster is one. */
function lockOf(context: CommandContext, terminal: SignalTerminal): { readonly lock?: true } {
  const asked = flagOption(context, 'lock');
  if (asked && !terminal.isNamed(doorOf(context))) {
    throw new HansaError('USAGE', '--lock holds a session at a router that is named', {
      fix: 'add --url: "hansa signal status" shows that of the cluster’s own',
    });
  }
  return asked ? { lock: true } : {};
}

function emitCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'emit',
    summary: 'Publish an event, stream, gesture or timeline; nothing of it is stored.',
    args: [addressArgument, { name: '[value]', description: 'JSON, else a text; -- before -1' }],
    options: [
      ...doorOptions,
      ...valueOptions,
      {
        flags: '--as <type>',
        description: 'what it is',
        choices: publishedTypes,
        default: 'event',
      },
      { flags: '--id <number>', description: 'of a gesture: which finger' },
      {
        flags: '--phase <phase>',
        description: 'of a gesture, which is cancelled when the session that began it ends',
        choices: touchPhases,
      },
    ],
    examples: [
      `hansa signal emit /cue/go '{"scene":3}'`,
      'hansa signal emit /sensor/heat 21.5 --as stream',
    ],
    async run(context) {
      const address = requiredArgument(context, 'address');
      const type = oneOf(publishedTypes, textOption(context, 'as'), 'event') as PublishedType;
      const isTouch = type === 'gesture';
      const id = countOption(context, 'id');
      if (id !== undefined && id > touchIdMax) {
        throw new HansaError('USAGE', `--id is at most ${touchIdMax}`);
      }
      const phase = textOption(context, 'phase');
      if (!isTouch && (id !== undefined || phase !== undefined)) {
        throw new HansaError('USAGE', '--id and --phase are for gestures', {
          fix: 'add --as gesture, or leave them out',
        });
      }
      const given = context.args['value'] === undefined ? undefined : givenOf(context);
      const publication = { address, type, given, id, phase: phase as TouchPhase | undefined };
      await atRouter(context, terminal, (client) => client.emit(publication));
      return { data: { address, type }, view: textView(`Told all who hear ${address}.`) };
    },
  };
}

function watchCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'watch',
    summary: 'Show what stands at matching addresses, then all that happens, until interrupted.',
    args: [{ name: '<pattern>', description: '* for one segment, ** for any number of them' }],
    options: [
      ...doorOptions,
      { flags: '--types <types>', description: `comma-separated: ${signalKinds.join(', ')}` },
      { flags: '--max-rate <number>', description: 'messages a second of one address' },
      { flags: '--epsilon <number>', description: 'tell a number when it changed by so much' },
      { flags: '--count <number>', description: 'end after so many' },
    ],
    examples: [`hansa signal watch '/stage/**'`, `hansa -o json signal watch '/**' --types event`],
    async run(context) {
      const pattern = requiredArgument(context, 'pattern');
      const asked = {
        pattern,
        types: typesOf(context),
        maxRate: countOption(context, 'maxRate', 1),
        epsilon: amountOption(context, 'epsilon'),
      };
      const at = routerOf(context, terminal);
      context.progress(`watching ${pattern}; interrupt to end`);
      return showWatch(context, {
        open: () => at((client) => client.watch(asked)),
        show: (news) => terminal.print(news, newsLine(news)),
        max: countOption(context, 'count', 1),
        missed: ', without what happens until then',
      });
    },
  };
}
