// What Cedar finds wrong with a policy, as a person can look for it: a sentence, a line, a column.
import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { HansaError } from '@hansa/foundation';

// Cedar names the policy by the id that we gave it for the while.
const preamble = /^(?:failed to parse policy with id `[^`]*` from string|for policy `[^`]*`)[:,] /;

export function complaint(text: string, errors: readonly DetailedError[]): HansaError {
  const [first] = errors;
  const message = (first?.message ?? 'Cedar cannot read it').replace(preamble, '');
  const [location] = first?.sourceLocations ?? [];
  const at = location === undefined ? undefined : positionOf(text, location.start);
  const hints = [first?.help, location?.label].filter((hint) => typeof hint === 'string');
  const where = at === undefined ? '' : `, line ${at.line}, column ${at.column}`;
  return new HansaError('INPUT_INVALID', `the policy${where}: ${message}`, {
    ...(hints.length === 0 ? {} : { fix: hints.join('; ') }),
    ...(at === undefined ? {} : { facts: at }),
  });
}

/** Cedar counts bytes. */
function positionOf(text: string, byte: number): { line: number; column: number } {
  const before = Buffer.from(text).subarray(0, byte).toString().split('\n');
  return { line: before.length, column: [...(before.at(-1) ?? '')].length + 1 };
}
