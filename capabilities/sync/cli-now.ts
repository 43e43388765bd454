// `hansa sync now`: one round, watched while it lasts.
import {
  durationOption,
  durationText,
  HansaError,
  remote,
  type Command,
  type CommandContext,
  type FederatedId,
} from '@hansa/foundation';
import { progressLine, progressView, remedies } from './cli-shown.ts';
import { syncContract, type Mirror, type MirrorState, type Sync } from './contract.ts';

export const waitMaxMs = 600_000; // what the contract takes: one call is not held open for longer
const progressStepBytes: number = 8 * 1_024 * 1_024; // a large fetch is told in a page

/** What the exit code says, the gravest mirror first; the same numbers as the error codes have. */
const exitByState: Readonly<Record<MirrorState, number>> = {
  halted: 7,
  refused: 7,
  waiting: 6,
  pulling: 6,
  frozen: 3,
  absent: 3,
  current: 0,
};

export const now: Command = {
  noun: 'sync',
  verb: 'now',
  summary: 'Run a sync round now and wait for it.',
  args: [{ name: '[mirror]', description: '<peer>:<name>; without it, every mirror' }],
  options: [
    {
      flags: '--wait <duration>',
      description: `at most ${durationText(waitMaxMs)}; to wait for minutes, raise --timeout too`,
      default: '30s',
    },
  ],
  examples: ['hansa sync now', 'hansa sync now lubeck:hansa --wait 90s'],
  async run(context) {
    const waitMs = durationOption(context, 'wait');
    if (waitMs !== undefined && waitMs > waitMaxMs) {
      throw new HansaError('INPUT_INVALID', `--wait is at most ${durationText(waitMaxMs)}`);
    }
    const sync = remote(syncContract, context.carrier);
    const spelled = context.args['mirror'];
    const only =
      spelled === undefined
        ? undefined
        : (await sync.show({ resource: spelled }, { signal: context.signal })).resource;
    const data = await watched(context, { sync, only }, (signal) =>
      sync.now({ resource: only, waitMs }, { signal }),
    );
    return {
      data,
      view: progressView(data.mirrors),
      next:
        data.mirrors.length === 0
          ? ['hansa mirror add <peer>:<name>']
          : [...remedies(data.mirrors), 'hansa sync status'],
      exit: Math.max(0, ...data.mirrors.map(({ state }) => exitByState[state])),
    };
  },
};

/** Tells of changes until the work is done. It is not failed where they cannot be watched. */
async function watched<T>(
  context: CommandContext,
  given: { readonly sync: Sync; readonly only: FederatedId | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal]);
  const telling = tell(context, given, signal).catch(() => undefined);
  try {
    return await work(context.signal);
  } finally {
    done.abort();
    await telling;
  }
}

async function tell(
  context: CommandContext,
  { sync, only }: { readonly sync: Sync; readonly only: FederatedId | undefined },
  signal: AbortSignal,
): Promise<void> {
  const last = new Map<FederatedId, Mirror>();
  for await (const mirror of sync.changes({}, { signal })) {
    const told = last.get(mirror.resource);
    const isNews =
      told?.state !== mirror.state || mirror.fetchedBytes >= told.fetchedBytes + progressStepBytes;
    if (isNews && (only === undefined || only === mirror.resource)) {
      last.set(mirror.resource, mirror);
      context.progress(progressLine(mirror));
    }
  }
}
