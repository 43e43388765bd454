// Readings as OpenMetrics text, version 1.0: what Prometheus and its kin fetch. Pure.
import { metricRegister, type MetricEntry, type Reading } from './register.ts';

export const expositionType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const suffixes: Readonly<Record<MetricEntry['type'], string>> = {
  counter: '_total',
  gauge: '',
  info: '_info',
};

export function exposition(readings: readonly Reading[]): string {
  const families = Object.entries(metricRegister).map(([name, entry]) =>
    family(
      name,
      entry,
      readings.filter((reading) => reading.name === name),
    ),
  );
  return `${families.join('')}# EOF\n`;
}

/** Nothing where there is no reading: a family without samples is noise. */
function family(name: string, entry: MetricEntry, readings: readonly Reading[]): string {
  if (readings.length === 0) {
    return '';
  }
  const { type, unit, meaning } = entry;
  const heads = [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(meaning)}`,
  ];
  const samples = readings.map(
    ({ labels = {}, value }) => `${name}${suffixes[type]}${labelText(labels)} ${numberText(value)}`,
  );
  return `${[...heads, ...samples].join('\n')}\n`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) {
    return String(value);
  }
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
