// Runs what documents show: every line of a ```console block that begins with `$ `, and compares
// what it prints with the lines below. Two wildcards stand in what is shown: `…` for anything, also
// over several lines, and `<word>` for anything within a line. A command with nothing below it only
// has to succeed.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { program } from '../harness/place.ts';
import { hasEnded, trackProcess } from '../harness/processes.ts';
import { runHansa } from '../harness/resident.ts';
import { run, type Finished } from '../harness/run.ts';
import { notYet, until } from '../harness/until.ts';

export interface ShownCommand {
  /** As a person types it: `npx hansa status`. */
  readonly command: string;
  /** Without the line break at the end; empty where nothing is shown. */
  readonly output: string;
  readonly line: number;
}

export interface Stage {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export function commandsIn(file: string): readonly ShownCommand[] {
  const commands: { command: string; output: string[]; line: number }[] = [];
  let inside = false;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((text, at) => {
      if (text.startsWith('```')) {
        inside = !inside && text.trim() === '```console';
      } else if (inside && text.startsWith('$ ')) {
        commands.push({ command: text.slice(2).trim(), output: [], line: at + 1 });
      } else if (inside) {
        commands.at(-1)?.output.push(text);
      }
    });
  return commands.map((each) => ({ ...each, output: each.output.join('\n').trimEnd() }));
}

/** Runs it by a shell, as its reader does; `npx hansa` and `hansa` are the program under test. */
export function runShown({ command }: ShownCommand, { cwd, env }: Stage): Promise<Finished> {
  return run('sh', ['-c', scriptOf(command)], { cwd, env });
}

/**
 * A command that goes on beside the next ones, until the test's file has ended: what it has printed
 * as soon as that is what is shown, or it has ended.
 */
export async function startShown(
  { command, output }: ShownCommand,
  { cwd, env }: Stage,
): Promise<Finished['stdout']> {
  // In the place of the shell, so that ending it ends the program.
  const script = command
    .slice(0, -1)
    .replace(/^npx hansa(?= )/, `exec '${process.execPath}' '${program}'`);
  const child = spawn('sh', ['-c', script], { cwd, env: { ...env } });
  trackProcess(child);
  let said = '';
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  await until(`${command} says what is shown`, () =>
    isAsShown(said, output) || hasEnded(child) ? true : notYet(said),
  );
  return said;
}

function scriptOf(command: string): string {
  const hansa = `hansa() { '${process.execPath}' '${program}' "$@"; }`;
  // Git starts its credential helper by a shell of its own, which knows no function of ours.
  const line = command
    .replaceAll("'!npx hansa credential'", `"!'${process.execPath}' '${program}' credential"`)
    .replaceAll(/\bnpx hansa(?= |$)/g, 'hansa');
  return `${hansa}\n${line}`;
}

/** The same where a line is nothing but the program and its words, without loading it anew. */
export function runQuickly(shown: ShownCommand, stage: Stage): Promise<Finished> {
  const [npx, hansa, ...words] = shown.command.split(' ');
  const isPlain =
    npx === 'npx' && hansa === 'hansa' && words.every((word) => /^[\w@:/.,=-]+$/.test(word));
  return isPlain && !words.includes('up') ? runHansa(words, stage) : runShown(shown, stage);
}

/** Whether what came out is what the document shows. */
export function isAsShown(output: string, shown: string): boolean {
  if (shown === '') {
    return true;
  }
  const pattern = shown
    .split(/(…|<[a-z-]+>)/)
    .map((part) => {
      if (part === '…') {
        return '[^]*';
      }
      return /^<[a-z-]+>$/.test(part) ? '.+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${pattern}$`).test(output.trimEnd());
}
