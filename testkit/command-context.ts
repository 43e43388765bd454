// A command run against answers made by hand: no node, no terminal. What it calls, asks and tells
// is written down.
import type {
  AnyContract,
  Command,
  CommandContext,
  CommandOutput,
  CommandView,
} from '@hansa/foundation';

export interface CommandRun {
  readonly output: CommandOutput;
  /** `links.close`, with its input. */
  readonly calls: readonly (readonly [method: string, input: unknown])[];
  readonly questions: readonly string[];
  readonly progress: readonly string[];
  /** Everything of the view that a person reads, line by line; cells are joined by `|`. */
  readonly shown: string;
}

export interface CommandLine {
  /** By `contract.method`; a watch is answered by a list. */
  readonly answers: Readonly<Record<string, unknown>>;
  readonly args?: CommandContext['args'];
  readonly options?: CommandContext['options'];
  /** Absent: there is no terminal. */
  readonly confirm?: boolean;
  /** Takes what is told on the way, for commands that reject. */
  readonly told?: string[];
  /** Absent: ids stay as they are. */
  readonly named?: NonNullable<CommandContext['named']>;
  /** Absent: there are no files. */
  readonly readData?: NonNullable<CommandContext['readData']>;
}

/** Rejects as the command does; then `calls` tells whether anything was changed. */
export async function runCommand(
  command: Command,
  line: CommandLine,
  calls: (readonly [method: string, input: unknown])[] = [],
): Promise<CommandRun> {
  const questions: string[] = [];
  const progress = line.told ?? [];
  const answer = (contract: AnyContract, method: string, input: unknown): unknown => {
    const name = `${contract.name}.${method}`;
    calls.push([name, input]);
    // As a node reads what came in a body: a field that it does not know is refused.
    contract.methods[method]?.input.parse(JSON.parse(JSON.stringify(input)));
    const made = line.answers[name];
    if (made === undefined) {
      throw new Error(`no answer was made for ${name}`);
    }
    if (made instanceof Error) {
      throw made;
    }
    return made;
  };
  const output = await command.run({
    carrier: {
      call: async (contract, method, input) => answer(contract, method, input),
      async *watch(contract, method, input) {
        yield* answer(contract, method, input) as Iterable<unknown>;
      },
    },
    args: line.args ?? {},
    options: line.options ?? {},
    signal: new AbortController().signal,
    confirm: async (question) => {
      questions.push(question);
      return line.confirm ?? false;
    },
    progress: (told) => {
      progress.push(told);
    },
    wait: async () => undefined,
    ...(line.readData === undefined ? {} : { readData: line.readData }),
    ...(line.named === undefined ? {} : { named: line.named }),
  });
  return { output, calls, questions, progress, shown: shownText(output.view) };
}

/** The command with these words, which must be there. */
export function commandNamed(commands: readonly Command[], words: string): Command {
  const found = commands.find(
    ({ noun, verb }) => (verb === undefined ? noun : `${noun} ${verb}`) === words,
  );
  if (found === undefined) {
    throw new Error(`there is no command "${words}"`);
  }
  return found;
}

function shownText(view: CommandView): string {
  switch (view.kind) {
    case 'text':
      return view.text;
    case 'record':
      return view.fields.map(([label, value]) => `${label}: ${value}`).join('\n');
    case 'table':
      return view.rows.length === 0
        ? view.empty
        : [view.columns, ...view.rows].map((cells) => cells.join('|')).join('\n');
    case 'stack':
      return view.views.map(shownText).join('\n');
  }
}
