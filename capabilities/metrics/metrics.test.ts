import { silentLog, type Log } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { roads } from '../../testkit/roads.ts';
import { metricsCommands } from './cli.ts';
import { metricsContract, type Metrics } from './contract.ts';
import { createCounts } from './counting.ts';
import { exposition } from './exposition.ts';
import { metricRegister, type MetricEntry, type Reading } from './register.ts';
import { createMetrics, readAll } from './service.ts';

const readings: readonly Reading[] = [
  { name: 'hansa_links', labels: { state: 'live' }, value: 2 },
  {
    name: 'hansa_requests',
    labels: { road: 'api', method: 'links.list', outcome: 'OK' },
    value: 7,
  },
  { name: 'hansa_build', labels: { version: '1.2.3' }, value: 1 },
  { name: 'hansa_uptime_seconds', value: 1.5 },
];

describe('the text', () => {
  test('has each family once, with its type, unit and meaning, and ends as OpenMetrics ends', () => {
    expect(exposition(readings)).toBe(
      [
        '# TYPE hansa_build info',
        '# HELP hansa_build The version that runs.',
        'hansa_build_info{version="1.2.3"} 1',
        '# TYPE hansa_uptime_seconds gauge',
        '# UNIT hansa_uptime_seconds seconds',
        '# HELP hansa_uptime_seconds Since the process started.',
        'hansa_uptime_seconds 1.5',
        '# TYPE hansa_requests counter',
        `# HELP hansa_requests ${metricRegister.hansa_requests.meaning}`,
        'hansa_requests_total{road="api",method="links.list",outcome="OK"} 7',
        '# TYPE hansa_links gauge',
        '# HELP hansa_links Links, by their state.',
        'hansa_links{state="live"} 2',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  test('escapes what a label may hold, and writes numbers that are none as OpenMetrics does', () => {
    const odd = (value: number): Reading => ({
      name: 'hansa_links',
      labels: { state: 'a"b\\c\nd' },
      value,
    });
    const lines = exposition([odd(Infinity), odd(-Infinity), odd(Number.NaN)]).split('\n');
    expect(lines.slice(2, 5)).toEqual(
      ['+Inf', '-Inf', 'NaN'].map((value) => String.raw`hansa_links{state="a\"b\\c\nd"} ${value}`),
    );
  });

  test('of nothing is its end alone', () => {
    expect(exposition([])).toBe('# EOF\n');
  });
});

test('the register keeps to the rules for names: units last, no suffix of OpenMetrics’ own', () => {
  const entries: readonly (readonly [string, MetricEntry])[] = Object.entries(metricRegister);
  for (const [name, { unit, labels = [] }] of entries) {
    expect(name).toMatch(/^hansa_[a-z]+(?:_[a-z]+)*$/);
    expect(name).not.toMatch(/_(?:total|info|count|sum|bucket|created)$/);
    expect(unit === undefined || name.endsWith(`_${unit}`)).toBe(true);
    labels.forEach((label) => expect(label).toMatch(/^[a-z]+$/));
  }
});

describe('counts', () => {
  const served = { contracts: [metricsContract], routes: [{ method: 'GET', path: '/git/*' }] };
  const counts = () =>
    createCounts(() => served as never, { rawContract: 'http', doorMethod: 'authenticate' });

  test('go by road, method and outcome', () => {
    const counted = counts();
    const entry = { contract: 'metrics', method: 'list', outcome: 'OK' };
    counted.served('api', entry);
    counted.served('api', entry);
    counted.served('peer', { ...entry, outcome: 'FORBIDDEN' });
    counted.served('api', { contract: 'http', method: 'GET /git/*', outcome: 'OK' });
    const of = counted.readings().filter(({ name }) => name === 'hansa_requests');
    expect(of.map(({ labels, value }) => [...Object.values(labels ?? {}), value])).toEqual([
      ['api', 'metrics.list', 'OK', 2],
      ['peer', 'metrics.list', 'FORBIDDEN', 1],
      ['api', 'http.GET /git/*', 'OK', 1],
    ]);
  });

  test('of what nobody serves go together: no sender makes a label', () => {
    const counted = counts();
    for (let at = 0; at < 100; at += 1) {
      counted.served('api', { contract: `x${at}`, method: `y${at}`, outcome: `Z${at}` });
    }
    const of = counted.readings().filter(({ name }) => name === 'hansa_requests');
    expect(of).toEqual([
      {
        name: 'hansa_requests',
        labels: { road: 'api', method: 'other', outcome: 'other' },
        value: 100,
      },
    ]);
  });

  test('tell refused logins by their reason, and what was limited', () => {
    const counted = counts();
    const door = { contract: 'http', method: 'authenticate' };
    counted.served('api', { ...door, outcome: 'UNAUTHENTICATED' });
    counted.served('api', { ...door, outcome: 'TOKEN_EXPIRED' });
    counted.served('api', { ...door, outcome: 'RATE_LIMITED' });
    counted.served('api', { contract: 'metrics', method: 'list', outcome: 'FORBIDDEN' });
    counted.served('api', { contract: 'metrics', method: 'list', outcome: 'TOKEN_SCOPE' });
    counted.limited('peer');
    const named = (wanted: string) =>
      counted
        .readings()
        .filter(({ name }) => name === wanted)
        .map(({ labels, value }) => [...Object.values(labels ?? {}), value]);
    expect(named('hansa_refused_logins')).toEqual([
      ['UNAUTHENTICATED', 1],
      ['TOKEN_EXPIRED', 1],
    ]);
    expect(named('hansa_rate_limited')).toEqual([
      ['api', 1],
      ['peer', 1],
    ]);
  });
});

describe('metrics', () => {
  const needs = { sources: [() => readings], log: silentLog };
  for (const road of roads<Metrics>(metricsContract, () => createMetrics(needs))) {
    test(`${road.name} are listed with what they mean`, async () => {
      const { service, close } = await road.make();
      const { metrics } = await service.list({});
      expect(metrics).toHaveLength(4);
      expect(metrics[0]).toEqual({
        name: 'hansa_links',
        type: 'gauge',
        meaning: 'Links, by their state.',
        labels: { state: 'live' },
        value: 2,
      });
      await close();
    });
  }

  test('of a source that fails are left out, and the others shown', async () => {
    const problems: string[] = [];
    const log: Log = { ...silentLog, problem: (name) => void problems.push(name) };
    const failing = async (): Promise<never> => {
      throw new Error('inside');
    };
    expect(await readAll({ sources: [failing, () => readings], log })).toEqual(readings);
    expect(problems).toEqual(['metrics.source-failed']);
  });

  test('hansa metrics shows them as a table', async () => {
    const { metrics } = await createMetrics(needs).list({});
    const { shown } = await runCommand(commandNamed(metricsCommands, 'metrics'), {
      answers: { 'metrics.list': { metrics } },
    });
    expect(shown).toContain('hansa_requests|road=api method=links.list outcome=OK|7|');
  });
});
