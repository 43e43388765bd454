// An error report inside an answer, as people read it: code, sentence, and what they can do now.
import type { ErrorReport } from './errors.ts';

/** `DIAL_FAILED: nobody answers` and, where there is one, a second line with the fix. */
export function problemText({ code, message, fix, reportedBy }: ErrorReport): string {
  const by = reportedBy === undefined ? '' : ` (reported by ${reportedBy})`;
  return [`${code}: ${message}${by}`, ...(fix === undefined ? [] : [`  fix: ${fix}`])].join('\n');
}
