// Why something does not verify, as one sentence for whoever relies on it.

export class Problem extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = 'Problem';
  }
}

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) {
    throw new Problem(otherwise);
  }
}

export function sentenceOf(error: unknown): string {
  if (error instanceof Problem) {
    return error.message;
  }
  throw error;
}

/** Ids are long and clusters few: eight digits tell them apart for a person. */
export function short(id: string): string {
  return `${id.slice(0, 8)}…`;
}

export function moment(ms: number): string {
  const dated = new Date(ms);
  return Number.isNaN(dated.getTime()) ? `${ms} ms` : dated.toISOString();
}
