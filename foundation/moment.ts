// A moment as people read it. In UTC: clusters and their people stand in different zones.

// Parts instead of a formatted text: how a locale joins them changes between versions of its data.
const makeFormat = (): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en', {
    timeZone: 'UTC',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
// Made when it is first needed: that takes 20 ms, of which a short command notices a twentieth.
let format: Intl.DateTimeFormat | undefined;

/** "2026-03-01 09:30:05 UTC" of milliseconds since 1970. */
export function momentText(ms: number): string {
  format ??= makeFormat();
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? '';
  const date = `${part('year')}-${part('month')}-${part('day')}`;
  return `${date} ${part('hour')}:${part('minute')}:${part('second')} UTC`;
}
