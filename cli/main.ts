// The command line: builds `hansa <noun> <verb>` from the list of commands, runs one, shows what it
// answers.
import { createInterface } from 'node:readline/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { errorCodes, HansaError, type Command, type CommandOutput } from '@hansa/foundation';
import { Command as Program, CommanderError, Option } from 'commander';
import { answerOf } from './answering.ts';
import { createClusterNames } from './cluster-names.ts';
import { commands } from './commands.ts';
import { createContextCarrier } from './context-carrier.ts';
import { findHome, type Home } from './contexts.ts';
import { readDataFile } from './data-file.ts';
import { asHansaError, exitCodeOf, stacksOf, tellFailure, usageFailure } from './failure.ts';
import type { LocalCommand } from './local-commands.ts';
import { nextCommands } from './next-commands.ts';
import { palette, render, type OutputFormat, type Palette } from './rendering.ts';

interface GlobalOptions {
  readonly output: OutputFormat;
  readonly context?: string;
  readonly timeout?: string;
  readonly color: boolean;
  readonly verbose: boolean;
}

interface Terminal {
  readonly home: Home;
  readonly globals: () => GlobalOptions;
  readonly colours: () => Palette;
  readonly signal: AbortSignal;
}

type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

const interrupted = 130;
const brokenPipe = 141; // as shells tell of SIGPIPE: whoever read has gone, as `head` does

/** Resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on('error', outlive);
  process.stderr.on('error', () => undefined); // there is nowhere left to tell of it
  const program = new Program('hansa');
  const ending = new AbortController();
  const terminal: Terminal = {
    home: findHome(process.env, process.cwd()),
    globals: () => program.opts<GlobalOptions>(),
    colours: () => palette(wantsColours(program.opts<GlobalOptions>())),
    signal: ending.signal,
  };
  let exit = 0;
  const set = (code: number): void => {
    exit = code;
  };
  describe(program);
  if (isVersionOfProgram(args)) {
    program.version('0.1.0', '-V, --version', 'the version');
  }
  const nouns = new Map<string, Program>();
  for (const command of commands) {
    addCommand(program, nouns, { command, terminal, set, ending });
  }
  // Of `hansa login` what is too much is the slip of a verb, and told as one.
  nouns.forEach((noun) => noun.allowExcessArguments(noun.commands.length > 0));
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && isHelp(error)) {
      return error.exitCode === 0 ? 0 : errorCodes.USAGE.exit;
    }
    const quiet = ending.signal.aborted ? interrupted : brokenPipeOf(error);
    if (quiet !== undefined) {
      return quiet;
    }
    const failure = error instanceof CommanderError ? usageFailure(error.message) : error;
    const { output, verbose, context } = terminal.globals();
    process.stderr.write(
      tellFailure(failure, { format: output, colours: terminal.colours(), context }),
    );
    process.stderr.write(verbose ? stacksOf(failure) : '');
    return exitCodeOf(failure);
  }
  return exit;
}

// Help has been printed already, asked for or instead of a missing verb.
function isHelp({ code }: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code);
}

function brokenPipeOf(error: unknown): number | undefined {
  const isBroken = error instanceof Error && 'code' in error && error.code === 'EPIPE';
  return isBroken ? brokenPipe : undefined;
}

// Nor does a terminal that was closed, or a full disk behind it, stop what is under way: a node
// that ends tells nobody.
function outlive(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO' || isOutputLost) {
    return;
  }
  isOutputLost = true;
  const { code } = asHansaError(error);
  process.stderr.write(`error: what was to be shown was lost: ${error.message} [${code}]\n`);
  process.once('exit', (exit) => {
    process.exitCode = exit === 0 ? errorCodes[code].exit : exit;
  });
}

let isOutputLost = false;

function wantsColours({ color, output }: GlobalOptions): boolean {
  const refused = process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '';
  return color && output === 'table' && process.stdout.isTTY === true && !refused;
}

function describe(program: Program): void {
  program
    .description('Federates independent clusters: links, policy, verified sync.')
    .addOption(
      new Option('-o, --output <format>', 'how to show the answer')
        .choices(['table', 'json', 'yaml'])
        .default('table'),
    )
    .option('--context <name>', 'the cluster to ask (default: the current context)')
    .option('--timeout <seconds>', 'how long one call may take (default 120)')
    .option('--no-color', 'no colours (NO_COLOR is respected too)')
    .option('-v, --verbose', 'where an error came from, for reports', false)
    .helpCommand(false)
    .configureOutput({ outputError: () => undefined }) // told by tellFailure, like every failure
    .showSuggestionAfterError()
    .enablePositionalOptions(false)
    .exitOverride()
    .addHelpText('after', exitCodesText);
}

/** Behind a noun it is an option of the command, which means another version, or of nobody. */
function isVersionOfProgram(args: readonly string[]): boolean {
  const at = args.findIndex((arg) => arg === '-V' || arg === '--version');
  const before = new Set(at < 0 ? args : args.slice(0, at));
  return !commands.some(({ noun }) => before.has(noun));
}

const exitCodesText = `
Exit codes: 0 done · 1 a fault · 2 usage or input · 3 not found · 4 refused · 5 conflict
            6 unavailable, worth a retry · 7 damaged or not verified · 130 interrupted

Examples:
  $ hansa up --name lubeck
  $ hansa link invite
  $ hansa share add my-repository --to bergen --plan
`;

interface Adding {
  readonly command: Command | LocalCommand;
  readonly terminal: Terminal;
  readonly set: (exit: number) => void;
  readonly ending: AbortController;
}

function addCommand(program: Program, nouns: Map<string, Program>, adding: Adding): void {
  const { command } = adding;
  const words = [command.noun, ...(command.verb?.split(' ') ?? [])];
  const parent = words
    .slice(0, -1)
    .reduce((at, _word, index) => nounOf(at, nouns, words.slice(0, index + 1)), program);
  const hidden = 'hidden' in command && command.hidden === true;
  // `hansa login` is a command, and has others below it.
  const held = nouns.get(words.join(' '));
  const made = held ?? parent.command(words.at(-1) ?? command.noun, { hidden });
  made.description(command.summary).exitOverride().showSuggestionAfterError();
  for (const { name, description } of command.args ?? []) {
    made.argument(name, description);
  }
  for (const each of command.options ?? []) {
    const option = new Option(each.flags, each.description);
    if (each.choices !== undefined) {
      option.choices([...each.choices]);
    }
    if (each.default !== undefined) {
      option.default(each.default);
    }
    option.makeOptionMandatory(each.required === true);
    made.addOption(option);
  }
  const examples = command.examples.map((line) => `  $ ${line}`).join('\n');
  made.addHelpText('after', `\nExamples:\n${examples}\n`);
  made.action(async (...given: unknown[]) => {
    refuseStray(made);
    const names = (command.args ?? []).map(({ name }) => name.replaceAll(/[<>[\].]/g, ''));
    const args = Object.fromEntries(names.map((name, index) => [name, given[index] as string]));
    await runCommand(adding, args, { ...takenAbove(made), ...made.opts<Options>() });
  });
}

/** A word that is no argument: whoever looks for verbs says which one is near. */
function refuseStray({ args, commands: verbs, registeredArguments }: Program): void {
  const strays = args.slice(registeredArguments.length);
  if (strays.length > 0 && registeredArguments.at(-1)?.variadic !== true) {
    const noun = new Program().exitOverride().showSuggestionAfterError();
    noun.configureOutput({ outputError: () => undefined });
    verbs.forEach((verb) => noun.command(verb.name()));
    noun.parse(strays.slice(0, 1), { from: 'user' });
  }
}

/**
 * `hansa login` parses the whole line, and keeps what `hansa login password` has by the same name;
 * what that one does not have is told, as anywhere.
 */
function takenAbove(made: Program): Options {
  const taken: Record<string, Options[string]> = {};
  for (const parent of nounsAbove(made)) {
    for (const option of parent.options) {
      const key = option.attributeName();
      if (parent.getOptionValueSource(key) === 'cli') {
        if (!made.options.some((own) => own.attributeName() === key)) {
          throw usageFailure(`unknown option '${option.long ?? key}'`);
        }
        taken[key] = parent.opts<Options>()[key];
      }
    }
  }
  return taken;
}

/** Without the program itself, whose options go everywhere. */
function nounsAbove({ parent }: Program): readonly Program[] {
  const isProgram = (parent?.parent ?? null) === null;
  return parent === null || isProgram ? [] : [parent, ...nounsAbove(parent)];
}

/** `cert`, and in it `cert ca`. */
function nounOf(parent: Program, nouns: Map<string, Program>, words: readonly string[]): Program {
  const noun = words.join(' ');
  const held = nouns.get(noun);
  if (held !== undefined) {
    return held;
  }
  const made = parent.command(words.at(-1) ?? noun).description(nounSummary(noun));
  made.exitOverride().showSuggestionAfterError().helpCommand(false);
  nouns.set(noun, made);
  return made;
}

function nounSummary(noun: string): string {
  const verbs = commands
    .map((each) => `${each.noun} ${each.verb ?? ''}`)
    .filter((words) => words.startsWith(`${noun} `))
    .map((words) => words.slice(noun.length + 1));
  return verbs.join(' · ');
}

async function runCommand(
  { command, terminal, set, ending }: Adding,
  args: Readonly<Record<string, string | undefined>>,
  options: Options,
): Promise<void> {
  const { home, globals } = terminal;
  if ('local' in command) {
    const { context } = globals();
    const print = (line: string): void => void process.stdout.write(`${line}\n`);
    const done = await command.run({ home, context, args, options, print });
    set(typeof done === 'number' ? done : show(terminal, done));
    return;
  }
  const interrupt = (): void => ending.abort(new HansaError('CANCELLED', 'interrupted'));
  process.once('SIGINT', interrupt);
  const carrier = createContextCarrier(() => {
    const { context, timeout } = globals();
    return { home, context, timeout };
  });
  const names = createClusterNames(carrier, terminal.signal);
  try {
    const answer = await command.run({
      carrier,
      args,
      options,
      signal: terminal.signal,
      confirm: (question) => confirm(question, terminal),
      readData: readDataFile,
      named: names.named,
      progress: (line) => {
        if (globals().output === 'table') {
          process.stderr.write(`${terminal.colours().dim(line)}\n`);
        }
      },
      wait: (ms) => pause(ms, undefined, { signal: terminal.signal }),
    });
    const output = globals().output === 'table' ? await names.shown(answer) : answer;
    set(show(terminal, { ...output, next: nextCommands(output.next ?? [], globals().context) }));
  } finally {
    process.off('SIGINT', interrupt);
  }
}

function show({ globals, colours }: Terminal, output: CommandOutput): number {
  process.stdout.write(render(output, globals().output, colours()));
  return output.exit ?? 0;
}

async function confirm(question: string, { globals, signal }: Terminal): Promise<boolean> {
  if (!process.stdin.isTTY || globals().output !== 'table') {
    return false;
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await answerOf(lines, `${question} [y/N] `, signal);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
