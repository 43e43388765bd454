// Tells what happens, in plain words and with the command that a person would type.

const colours = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: string, text: string): string =>
  colours ? `\u001B[${code}m${text}\u001B[0m` : text;

let chapter = 0;

export function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}

/** A heading; steps of the demonstration are counted. */
export function begin(title: string): void {
  chapter += 1;
  process.stdout.write(`\n${paint('1', `${chapter}. ${title}`)}\n`);
}

export function showCommand(command: string): void {
  process.stdout.write(`  ${paint('36', `$ ${command}`)}\n`);
}

export function showOutput(text: string): void {
  for (const line of text.trimEnd().split('\n')) {
    process.stdout.write(`    ${paint('2', line)}\n`);
  }
}

export function passed(text: string): void {
  process.stdout.write(`  ${paint('32', '✓')} ${text}\n`);
}

/** Words of a shell command as a person would type them. */
export function quoted(words: readonly string[]): string {
  return words
    .map((word) =>
      /^[A-Za-z0-9_./:@=,+^~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
    )
    .join(' ');
}
