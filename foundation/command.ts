// A command of the command line as a capability declares it in `cli.ts`: words, options, what it
// does, and what it shows as data. Only the cli package knows terminals.
import type { Carrier } from './contract.ts';

export interface CommandOption {
  /** `--expires <duration>`, `--yes`, `--to <peer...>` */
  readonly flags: string;
  readonly description: string;
  readonly default?: string | boolean;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

export interface CommandArgument {
  /** `<peer>` or `[peer]` */
  readonly name: string;
  readonly description: string;
}

/** What a command shows. `-o json|yaml` prints `data` as it is; `table` draws `view`. */
export interface CommandOutput {
  readonly data: unknown;
  readonly view: CommandView;
  /**
   * Whether the view says clusters by their ids, as in `user:anna@<id>`: then people read the names
   * that the asked cluster has for them.
   */
  readonly namesClusters?: boolean;
  /** Items were printed before it, a line each: with `-o json` this is one more line. */
  readonly asLine?: boolean;
  /** Exact commands to try now, shown as *next:* lines. */
  readonly next?: readonly string[];
  /** Non-zero where the answer itself is a failure (`hansa why` on a refusal stays 0). */
  readonly exit?: number;
}

export type CommandView =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'table';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
      /** Shown where there are no rows. */
      readonly empty: string;
    }
  | {
      readonly kind: 'record';
      readonly fields: readonly (readonly [label: string, value: string])[];
    }
  | { readonly kind: 'stack'; readonly views: readonly CommandView[] };

export function textView(words: string): CommandView {
  return { kind: 'text', text: words };
}

export interface CommandContext {
  /** Calls to the node of the current context. */
  readonly carrier: Carrier;
  readonly args: Readonly<Record<string, string | undefined>>;
  /** By camel-cased flag: `--serve-only` is `serveOnly`; a list where the flag repeats. */
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly signal: AbortSignal;
  /** Asks on the terminal; false without one (then NOT_CONFIRMED is the command's to throw). */
  confirm(question: string): Promise<boolean>;
  /** A YAML or JSON file as data; `-` is the input. Absent where the host has no files. */
  readData?(path: string): Promise<unknown>;
  /**
   * Clusters in a line as people here call them, for what is shown before a command ends; absent
   * where nobody knows names.
   */
  named?(line: string): Promise<string>;
  /** Lines for a person while something lasts; to stderr, silent with -o json|yaml. */
  progress(line: string): void;
  /** Rejects when the command is interrupted. */
  wait(ms: number): Promise<void>;
}

export interface Command {
  readonly noun: string;
  /** Absent for `hansa status`, `hansa why`. */
  readonly verb?: string;
  readonly summary: string;
  readonly args?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  /** One or two whole command lines. */
  readonly examples: readonly string[];
  run(context: CommandContext): Promise<CommandOutput>;
}
