// The reference page of error codes, made of the register.
import type { ErrorCodeEntry } from '../../foundation/error-codes.ts';

export function errorPage(codes: Readonly<Record<string, ErrorCodeEntry>>): string {
  const sections = Object.entries(codes).flatMap(([code, { status, exit, meaning, fix }]) => [
    `## ${code}`,
    '',
    `${capitalised(meaning)}. HTTP status ${status}, exit code ${exit}.`,
    ...(fix === undefined ? [] : ['', `*What to do:* ${fix}.`]),
    '',
  ]);
  return [
    '# Error codes',
    '',
    'Made from `foundation/error-codes.ts` by `npm run docs`; edit that instead. A code is stable',
    'and never given another meaning. Exit codes of the command line: 2 usage, 3 not found,',
    '4 refused, 5 conflict, 6 unavailable, 7 damaged, 1 anything else, 130 interrupted.',
    '',
    ...sections,
  ].join('\n');
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
