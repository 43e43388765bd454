// Hands over one source file with one fault in it. A text that is not there exactly once is an
// error: the mutant would be no mutant, and its test a test of nothing.

/** @type {{ file: string, edits: { from: string, to: string }[] } | undefined} */
let mutant;

export function initialize(data) {
  mutant = data;
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  const file = url.split('?')[0];
  if (mutant === undefined || !file.endsWith(`/${mutant.file}`)) {
    return loaded;
  }
  let source = String(loaded.source);
  for (const { from, to } of mutant.edits) {
    const parts = source.split(from);
    if (parts.length !== 2) {
      throw new Error(`the mutant's text is ${parts.length - 1} times in ${mutant.file}: ${from}`);
    }
    source = parts.join(to);
  }
  return { ...loaded, source };
}
