// `hansa signal bench`: load for a router by frames alone, and what it takes.
import {
  countOption,
  durationOption,
  HansaError,
  textOption,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { doorOf, doorOptions } from './cli-door.ts';
import type { SignalTerminal } from './cli-terminal.ts';
import {
  loadKinds,
  loadLimits,
  type LoadAsked,
  type LoadKind,
  type LoadReport,
} from './contract.ts';

export function benchCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'bench',
    summary: 'Measure a router: messages a second, and how long each takes to who is subscribed.',
    options: [
      ...doorOptions,
      { flags: '--far-url <url>', description: 'where subscribers listen (default: as --url)' },
      { flags: '--far-token <token>', description: 'their token (default: as --token)' },
      { flags: '--kind <kind>', description: 'what is sent', choices: loadKinds, default: 'set' },
      { flags: '--publishers <count>', description: 'sessions that send (default 1)' },
      { flags: '--subscribers <count>', description: 'sessions that are told (default 1)' },
      { flags: '--window <count>', description: 'under way at once, each (default 64; 1 paces)' },
      { flags: '--rate <number>', description: 'messages a second of all (default: what goes)' },
      { flags: '--duration <duration>', description: 'how long is counted (default 5s)' },
      { flags: '--warm-up <duration>', description: 'how long before that (default 1s)' },
      { flags: '--prefix <address>', description: 'where they send (default: one of their own)' },
    ],
    examples: [
      'hansa signal bench --window 1',
      'hansa signal bench --kind stream --publishers 4 --subscribers 100 --duration 10s',
    ],
    async run(context) {
      const near = doorOf(context);
      const farUrl = textOption(context, 'farUrl');
      const farToken = textOption(context, 'farToken');
      const far = { ...near, url: farUrl ?? near.url, token: farToken ?? near.token };
      const asked = askedOf(context, terminal);
      const data = await terminal.load({ near, far }, asked, context.signal);
      return {
        data: { ...asked, ...data },
        view: { kind: 'record', fields: fieldsOf(data) },
        ...(data.refused === 0
          ? {}
          : { next: ['hansa signal serve --open --rate-limit 0  # a router that takes it all'] }),
      };
    },
  };
}

function askedOf(context: CommandContext, terminal: SignalTerminal): LoadAsked {
  const asked = {
    kind: (textOption(context, 'kind') ?? 'set') as LoadKind,
    publishers: countOption(context, 'publishers', 1) ?? 1,
    subscribers: countOption(context, 'subscribers') ?? 1,
    window: countOption(context, 'window', 1) ?? 64,
    rate: countOption(context, 'rate') ?? 0,
    durationMs: durationOption(context, 'duration') ?? 5_000,
    warmUpMs: durationOption(context, 'warmUp') ?? 1_000,
    prefix: textOption(context, 'prefix') ?? `/bench/${terminal.mark}`,
  };
  checkAsked(asked);
  return asked;
}

function checkAsked({ publishers, subscribers, window, kind, durationMs }: LoadAsked): void {
  if (durationMs === 0) {
    throw new HansaError('USAGE', '--duration is longer than nothing');
  }
  const { sessionsMax, windowMax } = loadLimits;
  if (publishers + subscribers > sessionsMax) {
    throw new HansaError('USAGE', `a load has ${sessionsMax} sessions at most`);
  }
  if (window > windowMax) {
    throw new HansaError('USAGE', `--window is ${windowMax} at most`);
  }
  if (subscribers === 0 && kind !== 'set') {
    throw new HansaError('USAGE', 'without subscribers nobody tells whether it came', {
      fix: 'add --subscribers 1, or --kind set, which is acknowledged',
    });
  }
}

function fieldsOf(report: LoadReport): readonly (readonly [string, string])[] {
  const { seconds, sent, delivered, refused, latencyUs, firstRefusal } = report;
  const count = (number: number): string => number.toLocaleString('en');
  const latencies = (['p50', 'p95', 'p99', 'max'] as const).map(
    (which) => [which, `${count(latencyUs[which])} µs`] as const,
  );
  return [
    ['counted', `${seconds.toFixed(1)} s`],
    ['sent', `${count(sent)}, ${count(report.sentPerSecond)} a second`],
    ['delivered', `${count(delivered)}, ${count(report.deliveredPerSecond)} a second`],
    ...(delivered === 0 ? [] : latencies),
    ...(refused === 0 ? [] : [['refused', `${count(refused)}: ${firstRefusal ?? ''}`] as const]),
  ];
}
