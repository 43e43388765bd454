// Scopes of capability tokens (protocol/tokens.md), and whether one lies within another.

const scopeMax = 256; // characters, as the page says
const forms = [
  /^(see|pull|push|\*):(\*|[a-z][a-z0-9-]{0,31}):([A-Za-z0-9_.*-][A-Za-z0-9_./*-]{0,127})$/,
  /^(api):(\*|[a-z][a-z0-9-]{0,63})\.(\*|read|write)$/,
  /^(app):(\*|[a-z][a-z0-9-]{0,63})$/,
] as const;

export interface Scope {
  /** Which of the forms above: only scopes of one form lie within each other. */
  readonly form: number;
  /** Words first; of a resource, the last is a pattern for names. */
  readonly parts: readonly string[];
}

/** Undefined on what is no scope. */
export function scopeOf(text: string): Scope | undefined {
  const whole = text === 'api:*' ? 'api:*.*' : text;
  if (text.length > scopeMax) {
    return undefined;
  }
  const form = forms.findIndex((pattern) => pattern.test(whole));
  const [, ...parts] = forms[form]?.exec(whole) ?? [];
  return form < 0 ? undefined : { form, parts };
}

export function lies(inner: Scope, outer: Scope): boolean {
  if (inner.form !== outer.form) {
    return false;
  }
  const nameAt = outer.form === 0 ? outer.parts.length - 1 : -1;
  return outer.parts.every((word, at) => {
    const other = inner.parts[at] ?? '';
    return at === nameAt ? nameLies(other, word) : word === '*' || word === other;
  });
}

/**
 * The inner pattern is read as a text in which stars are letters; "*" of the outer one stands for
 * any letters but "/" and the letter "**", and "**" for any. Row by row, so that no pattern of a
 * stranger takes longer than the product of both lengths.
 */
function nameLies(inner: string, outer: string): boolean {
  const letters = lettersOf(inner);
  // Whether what was read of the outer pattern so far fits the first letters of the inner one.
  let fits = [true, ...letters.map(() => false)];
  for (const mark of lettersOf(outer)) {
    const next = [mark.startsWith('*') && fits[0] === true];
    letters.forEach((letter, at) => {
      next.push(
        mark.startsWith('*')
          ? fits[at + 1] === true || (next[at] === true && takes(mark, letter))
          : fits[at] === true && mark === letter,
      );
    });
    fits = next;
  }
  return fits[letters.length] === true;
}

function takes(star: string, letter: string): boolean {
  return star === '**' || (letter !== '/' && letter !== '**');
}

function lettersOf(pattern: string): readonly string[] {
  return pattern.match(/\*\*|./gs) ?? [];
}
