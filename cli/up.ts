// `hansa up`: runs a node in the foreground, or detached. The only command that does not call a
// node but is one; the daemon's code is loaded for it alone.
import { HansaError } from '@hansa/foundation';
import { readContexts, rememberContext, type Home } from './contexts.ts';
import { startDetached, waitingParent, type WaitingParent } from './detached.ts';
import { exitCodeOf, stacksOf } from './failure.ts';
import { listenForEnd, type End } from './listen-for-end.ts';
import { nextCommands } from './next-commands.ts';
import { chooseCluster, type UpTarget } from './up-target.ts';

const loadNode = () => import('@hansa/node');
type NodeRoom = Awaited<ReturnType<typeof loadNode>>;
type Config = Awaited<ReturnType<NodeRoom['readConfig']>>;
type RunningNode = Awaited<ReturnType<NodeRoom['startNode']>>;

export interface UpOptions {
  /** By the flag's name; absent ones come from environment, file or defaults. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly data: string | undefined;
  /** The cluster that `--context` names. */
  readonly context: string | undefined;
  readonly detach: boolean;
  readonly home: Home;
  /** A line for people, to stdout. */
  readonly print: (line: string) => void;
}

const lettingGoMs = 100; // for what was printed last

/** Resolves with the exit code when the node has stopped, or when the detached one answers. */
export async function runUp(options: UpOptions): Promise<number> {
  const { home, context, data, flags, print } = options;
  const name = flags['name'] ?? process.env['HANSA_NAME'];
  const target = await chooseCluster(home, { context, name, data });
  if (options.detach) {
    const config = await configOf(options, target); // a wrong flag is told before a folder is made
    return startDetached({ data: config.data, context: target.knownAs, flags, print });
  }
  const parent = waitingParent();
  const end = listenForEnd(process);
  return parent === undefined
    ? runHere(options, target, end)
    : runReporting({ ...options, parent }, target, end);
}

async function runHere(options: UpOptions, target: UpTarget, end: End): Promise<number> {
  try {
    const { node, lines } = await bringUp(options, target, end);
    for (const line of lines) {
      options.print(line);
    }
    return await stayUp(node, end);
  } catch (error) {
    if (end.signal.aborted) {
      return exitCodeOf(end.signal.reason);
    }
    throw error;
  }
}

/** As the process that `--detach` has made: it tells the one that waits, and not the log. */
async function runReporting(
  options: UpOptions & { readonly parent: WaitingParent },
  target: UpTarget,
  end: End,
): Promise<number> {
  const { parent } = options;
  try {
    const { node, lines } = await bringUp(options, target, end);
    await parent.tell({ up: lines });
    return await stayUp(node, end);
  } catch (error) {
    await parent.tell({ failed: error });
    // A fault of ours is looked for in the log; what is an answer has been told.
    process.stderr.write(error instanceof HansaError ? '' : stacksOf(error));
    return exitCodeOf(error);
  }
}

interface Up {
  readonly node: RunningNode;
  /** What is to be told to the person who started it. */
  readonly lines: readonly string[];
}

async function bringUp(options: UpOptions, target: UpTarget, end: End): Promise<Up> {
  const { startNode } = await loadNode();
  const config = await configOf(options, target);
  const node = await startNode(config, (line) => process.stderr.write(line), end.signal);
  const { data } = config;
  const { name } = node;
  // It keeps what it is known as: a node that joined has the cluster's name and its own.
  const context = target.knownAs ?? options.flags['name'] ?? node.context;
  await rememberContext(options.home, { name: context, data });
  const founded = [`founded cluster ${name} (${node.cluster}), with keys of its own in ${data}`];
  return {
    node,
    lines: [
      ...(node.founded ? founded : []),
      node.standsBy
        ? `${name} stands by here, and passes requests on: ${node.url}`
        : `${name} is up: ${node.url}`,
      `data in ${data}`,
      ...(await hintsOf(options.home, context)),
      ...(await firstLoginLines(options.home, context, node)),
      ...problemLines(node),
    ],
  };
}

async function configOf(options: UpOptions, target: UpTarget): Promise<Config> {
  const { readConfig } = await loadNode();
  return readConfig({
    data: target.data,
    flags: options.flags,
    environment: process.env,
    ...(target.knownAs === undefined ? {} : { knownAs: target.knownAs }),
  });
}

async function hintsOf(home: Home, name: string): Promise<readonly string[]> {
  const { current } = await readContexts(home);
  return current === name
    ? []
    : [`next: hansa context use ${name}  # commands go to ${current ?? 'none'} now`];
}

/** To whoever started it and to nobody else: the log never has it. */
async function firstLoginLines(
  home: Home,
  name: string,
  { ownerCode }: RunningNode,
): Promise<readonly string[]> {
  if (ownerCode === undefined) {
    return [];
  }
  const { current } = await readContexts(home);
  const line = `hansa login --code ${ownerCode} --user <your name>`;
  const next = nextCommands([line], current === name ? undefined : name);
  return [`first login, once, within a day: ${next.join('')}`];
}

function problemLines({ problem }: RunningNode): readonly string[] {
  return problem === undefined
    ? []
    : [
        `federation is OFF: ${problem.message} [${problem.code}]`,
        `fix: ${problem.fix ?? 'see the log'}`,
      ];
}

async function stayUp(node: RunningNode, end: End): Promise<number> {
  await Promise.race([end.asked, node.stopAsked]);
  await node.stop();
  // The transport's library cannot give up a dial, and would keep the process for three seconds.
  setTimeout(() => process.exit(), lettingGoMs).unref();
  return 0;
}
