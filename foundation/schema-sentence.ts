// What a schema has against a value, as one readable and bounded sentence: for the edge, the
// configuration and the command line. It names fields and expectations, never the values
// themselves.
import type { z } from 'zod';

const fieldsShownMax = 8; // a person mends a few fields at a time; the rest is counted
const fieldLengthMax = 80; // field names may be a stranger's: they must not fill a log line
const complaintLengthMax = 160; // the longest message our own schemas carry, with room

/** `"name": expected string; "ttl": too small`, for everything that is wrong up to a bound. */
export function schemaSentence(error: z.ZodError): string {
  const shown = error.issues.slice(0, fieldsShownMax).map(complaint);
  const more = error.issues.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}

function complaint(issue: z.core.$ZodIssue): string {
  const field = issue.path.map(String).join('.');
  const message = shorten(issue.message.replace(/^Invalid input: /, ''), complaintLengthMax);
  return field === '' ? message : `"${shorten(field, fieldLengthMax)}": ${message}`;
}

function shorten(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;
}
