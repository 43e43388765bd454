// The commands that a command proposes, as they have to be typed: what was asked of a cluster goes
// on with that cluster.

/** On another cluster the reader has a context of another name: its lines are left alone. */
export function nextCommands(
  lines: readonly string[],
  context: string | undefined,
): readonly string[] {
  return context === undefined
    ? lines
    : lines.map((line) => (line.includes('  # on ') ? line : inContext(line, context)));
}

/** A line that names its cluster or its folder is left alone. */
function inContext(line: string, context: string): string {
  return line.replaceAll(
    /(^|&& )hansa (?!--context |up --data )/g,
    `$1hansa --context ${context} `,
  );
}

/** What a failure proposes, where it is about the cluster that was asked. */
export function fixInContext(fix: string, context: string | undefined): string {
  // Contexts are chosen, and nodes of other folders started, whichever cluster is asked.
  return context === undefined
    ? fix
    : fix.replaceAll(/(^|: )hansa (?!--context |context |up )/g, `$1hansa --context ${context} `);
}
