// The register of metrics: every name with what it counts, in which unit, under which labels. What
// is served, listed and documented is made of it. Label values are few and known beforehand:
// states, codes and names of methods, never what somebody sent.

export interface MetricEntry {
  readonly type: 'counter' | 'gauge' | 'info';
  readonly meaning: string;
  readonly unit?: 'seconds' | 'bytes';
  readonly labels?: readonly string[];
}

export type MetricName =
  | 'hansa_build'
  | 'hansa_uptime_seconds'
  | 'hansa_process_memory_bytes'
  | 'hansa_requests'
  | 'hansa_refused_logins'
  | 'hansa_rate_limited'
  | 'hansa_links'
  | 'hansa_mirrors'
  | 'hansa_resources'
  | 'hansa_certificate_left_seconds'
  | 'hansa_audit_records'
  | 'hansa_audit_lag_records'
  | 'hansa_sessions'
  | 'hansa_tokens'
  | 'hansa_signal_messages'
  | 'hansa_signal_params'
  | 'hansa_signal_params_waiting'
  | 'hansa_signal_sessions'
  | 'hansa_sealed'
  | 'hansa_store_bytes'
  | 'hansa_store_revision';

export const metricRegister: Readonly<Record<MetricName, MetricEntry>> = {
  hansa_build: {
    type: 'info',
    meaning: 'The version that runs.',
    labels: ['version'],
  },
  hansa_uptime_seconds: {
    type: 'gauge',
    unit: 'seconds',
    meaning: 'Since the process started.',
  },
  hansa_process_memory_bytes: {
    type: 'gauge',
    unit: 'bytes',
    meaning: 'Memory of the process that is in use.',
  },
  hansa_requests: {
    type: 'counter',
    meaning: 'Requests that are over, by the road they came, their method and what became of them.',
    labels: ['road', 'method', 'outcome'],
  },
  hansa_refused_logins: {
    type: 'counter',
    meaning: 'Tokens, sessions and passwords that were refused, by the reason.',
    labels: ['reason'],
  },
  hansa_rate_limited: {
    type: 'counter',
    meaning: 'Requests that were turned away because too many came, by the road they came.',
    labels: ['road'],
  },
  hansa_links: { type: 'gauge', meaning: 'Links, by their state.', labels: ['state'] },
  hansa_mirrors: { type: 'gauge', meaning: 'Mirrors, by their state.', labels: ['state'] },
  hansa_resources: { type: 'gauge', meaning: 'Resources that this cluster owns.' },
  hansa_certificate_left_seconds: {
    type: 'gauge',
    unit: 'seconds',
    meaning: 'Until the first certificate of its kind runs out; negative after it has.',
    labels: ['what'],
  },
  hansa_audit_records: { type: 'counter', meaning: 'Records that the audit has ever taken.' },
  hansa_audit_lag_records: {
    type: 'gauge',
    meaning: 'Records that the best informed linked peer has not countersigned yet.',
  },
  hansa_sessions: { type: 'gauge', meaning: 'Sessions of people who are logged in.' },
  hansa_tokens: { type: 'gauge', meaning: 'Tokens that were issued here and have not run out.' },
  hansa_signal_messages: {
    type: 'counter',
    meaning: 'Messages that came to the router of signals, and what became of them.',
    labels: ['what'],
  },
  hansa_signal_params: { type: 'gauge', meaning: 'Params that stand at the router of signals.' },
  hansa_signal_params_waiting: {
    type: 'gauge',
    meaning: 'Of those, how many are not stored yet.',
  },
  hansa_signal_sessions: { type: 'gauge', meaning: 'Sessions at the router of signals.' },
  hansa_sealed: {
    type: 'gauge',
    meaning: '1 where what lies on the disk is sealed, 0 where it is not.',
  },
  hansa_store_bytes: { type: 'gauge', unit: 'bytes', meaning: 'Size of the store on the disk.' },
  hansa_store_revision: { type: 'gauge', meaning: 'The store’s newest revision.' },
};

export interface Reading {
  readonly name: MetricName;
  /** One for each label of the register, in any order. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
