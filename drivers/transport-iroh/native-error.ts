// What the native library's errors say, without what they should not say: paths of the machine that
// built it, and stack traces.

const reasonLengthMax = 300; // it goes into error messages and logs

/**
 * With RUST_BACKTRACE in the environment every rejection carries a stack trace that costs up to
 * 60 ms. This variable is read first, once, by the library; panics keep their traces.
 */
export function withoutBacktraces(environment: Record<string, string | undefined>): void {
  environment['RUST_LIB_BACKTRACE'] = '0';
}

/** The innermost cause, in one line. */
export function nativeReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = (text.split('\n\nStack backtrace')[0] ?? text)
    .split('\n')
    .map((line) => line.replace(/\s*\((?:[^()]*\/)[^()]*:\d+:\d+\)/, '').trim())
    .filter((line) => line !== '' && line !== 'Caused by:');
  return (lines.at(-1) ?? 'no reason given').slice(0, reasonLengthMax);
}

export function saysAddressInUse(error: unknown): boolean {
  return /address already in use|only one usage of each socket address/i.test(nativeReason(error));
}

/** TLS alert 120: the peer serves none of the protocols it was asked for. */
export function saysProtocolUnknown(error: unknown): boolean {
  return /error 120\b|no application protocol/i.test(nativeReason(error));
}

/** The closing side's own words, where the library wraps them: `closed by peer: bye (code 0)`. */
export function closeReason(text: string): string {
  return text.replace(/ \(code \d+\)$/, '').slice(0, reasonLengthMax);
}
