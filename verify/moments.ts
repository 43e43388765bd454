// Moments as people type them.

/** ISO 8601 with its time zone, or milliseconds since 1970; undefined on anything else. */
export function readMoment(text: string): number | undefined {
  if (/^\d{1,15}$/.test(text)) {
    return Number(text);
  }
  const ms = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
