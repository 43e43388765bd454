// Metrics as a monitoring system fetches them: with a token that reads them and nothing else.
import type { IssuedToken } from '@hansa/capabilities/tokens/contract';
import { beforeAll, expect, test } from 'vitest';
import { callApi } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { notYet, until } from './harness/until.ts';
import { startPair, type Pair } from './rooms/pair.ts';

let pair: Pair;
let token: string;

beforeAll(async () => {
  pair = await startPair();
  const words = ['--audience', 'bearer', '--cap', 'api:metrics.read'];
  ({ token } = await must<IssuedToken>(pair.lubeck, 'token', 'issue', ...words));
});

async function scrape(): Promise<string> {
  const { url } = pair.lubeck;
  const { status, text } = await callApi({ url, token, method: 'GET', path: '/metrics' });
  expect(status).toBe(200);
  return text;
}

/** The value of the sample that is written so. */
function valueOf(text: string, sample: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${sample} `));
  return line === undefined ? Number.NaN : Number(line.slice(sample.length + 1));
}

test('are fetched with metrics.read, which opens nothing else, and not without', async () => {
  const { url } = pair.lubeck;
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.headers.get('content-type')).toContain('application/openmetrics-text');
  expect((await callApi({ url, token, method: 'GET', path: '/status' })).status).toBe(403);
  expect((await callApi({ url, method: 'GET', path: '/metrics' })).status).toBe(401);
});

test('keep to OpenMetrics: each family once, each sample under its own, an end', async () => {
  const lines = (await scrape()).split('\n');
  expect(lines.slice(-2)).toEqual(['# EOF', '']);
  const families = lines.filter((line) => line.startsWith('# TYPE '));
  expect(new Set(families).size).toBe(families.length);
  let family = '';
  for (const line of lines.slice(0, -2)) {
    const [, named] = /^# TYPE (\S+) /.exec(line) ?? [];
    family = named ?? family;
    expect(line).toMatch(
      /^(?:# (?:TYPE|UNIT|HELP) \S+ \S.*|[a-z_]+(?:\{(?:[a-z]+="[^"\n]*",?)+\})? -?[0-9.e+-]+)$/,
    );
    expect(line.replace(/^# [A-Z]+ /, '').startsWith(family)).toBe(true);
  }
});

test('tell links, certificates, audit, sealing, memory and what runs', async () => {
  await must(pair.lubeck, 'cert', 'issue', '--workload', 'web/1', '--ttl', '1d');
  const text = await until('the link is counted', async () => {
    const now = await scrape();
    return /hansa_links\{state="(?:live|idle)"\} 1/.test(now) ? now : notYet(now.slice(0, 500));
  });
  expect(valueOf(text, 'hansa_certificate_left_seconds{what="issued"}')).toBeGreaterThan(3_600);
  expect(valueOf(text, 'hansa_audit_records_total')).toBeGreaterThan(0);
  expect(valueOf(text, 'hansa_audit_lag_records')).toBeGreaterThanOrEqual(0);
  expect(valueOf(text, 'hansa_sealed')).toBe(0);
  expect(valueOf(text, 'hansa_tokens')).toBe(1);
  expect(valueOf(text, 'hansa_process_memory_bytes')).toBeGreaterThan(1_000_000);
  expect(text).toMatch(/hansa_build_info\{version="[^"]+"\} 1/);
});

test('count requests of both roads and refused logins, and make no label of what was sent', async () => {
  const { url } = pair.lubeck;
  const guess = { url, token: 'canary-of-a-guess', method: 'GET', path: '/canary-of-a-path' };
  const refused = 'hansa_refused_logins_total{reason="UNAUTHENTICATED"}';
  const before = valueOf(await scrape(), refused) || 0;
  expect((await callApi(guess)).status).toBe(401);
  await callApi({ ...guess, token });
  const text = await scrape();
  expect(valueOf(text, refused)).toBe(before + 1);
  expect(
    valueOf(text, 'hansa_requests_total{road="api",method="http.GET /metrics",outcome="OK"}'),
  ).toBeGreaterThan(1);
  expect(text).toMatch(
    /hansa_requests_total\{road="peer",method="[a-z-]+\.[A-Za-z]+",outcome="OK"\}/,
  );
  expect(text).not.toContain('canary');
  const { stdout } = await pair.lubeck.hansaPlain('metrics');
  expect(stdout).toContain('hansa_refused_logins');
});
