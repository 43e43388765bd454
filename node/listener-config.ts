// What the API listener is told: by TLS or plain, and under which names. Plain is for loopback
// alone.
import { isIP } from 'node:net';
import type { Validities } from '@hansa/capabilities/certificates/contract';
import { HansaError, parseDuration } from '@hansa/foundation';
import { z } from 'zod';

const refreshHintMaxMs = 86_400_000; // a day, as the contract between clusters has it

export const tlsModes = ['auto', 'on', 'off'] as const;
export type TlsMode = (typeof tlsModes)[number];

/** A length of time as people write it; kept as text, so that settings show what was written. */
export const durationSetting: z.ZodType<string> = z
  .string()
  .max(32)
  .refine(isDuration, 'a duration is a number with a unit: 90s, 15m, 2h or 30d');

export const certificateDurations: z.ZodType<string> = durationSetting.refine(
  (text) => parseDuration(text) >= 1_000,
  'certificates count whole seconds: at least 1s',
);

function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    return false;
  }
}

export function isLoopback(host: string): boolean {
  const name = bare(host);
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** Whether the listener speaks TLS; CONFIG_INVALID where it would leave loopback without. */
export function tlsWanted(mode: TlsMode, host: string, what = 'the API'): boolean {
  if (mode === 'off' && !isLoopback(host)) {
    throw new HansaError('CONFIG_INVALID', `${what} would leave this machine without TLS`, {
      fix: `leave out --tls off, or let ${what} listen on 127.0.0.1`,
      facts: { host },
    });
  }
  return mode === 'on' || !isLoopback(host);
}

/** CONFIG_INVALID where an authority would end before the next one can follow it. */
export function certificateValidities(textOf: (setting: string) => string): Validities {
  const rootMs = parseDuration(textOf('cert-root-validity'));
  const refreshHintMs = parseDuration(textOf('cert-refresh-hint'));
  // It is succeeded when a third is left, and the next one is published for two hints.
  if (rootMs / 3 <= 2 * refreshHintMs) {
    throw new HansaError(
      'CONFIG_INVALID',
      'cert-root-validity is not more than six times cert-refresh-hint',
      { fix: 'let authorities count longer, or be asked for more often' },
    );
  }
  if (refreshHintMs > refreshHintMaxMs) {
    throw new HansaError('CONFIG_INVALID', 'cert-refresh-hint is longer than a day', {
      fix: 'linked clusters take no longer hint: write 1d or less',
    });
  }
  return { rootMs, nodeMs: parseDuration(textOf('cert-node-validity')), refreshHintMs };
}

/** Empty, or a host and a port: `127.0.0.1:7330`, `[::1]:7330`, `0.0.0.0:7330`. */
export const signalsAddress: z.ZodType<string> = z
  .string()
  .max(262)
  .refine(
    (text) => text === '' || hostAndPort(text) !== undefined,
    'signals listen at host:port, as in 127.0.0.1:7330',
  );

/** Undefined where it is empty, or none. */
export function hostAndPort(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, host, port] = /^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || Number(port) > 65_535
    ? undefined
    : { host: bare(host), port: Number(port) };
}

/** What the node's certificate is for: where it listens, this machine, and its other names. */
export function certificateNames(
  host: string,
  names: readonly string[],
): { readonly dns: readonly string[]; readonly ips: readonly string[] } {
  const everywhere = new Set(['0.0.0.0', '::']);
  const all = new Set(['localhost', '127.0.0.1', '::1', host, ...names].map(bare));
  const given = [...all].filter((name) => !everywhere.has(name));
  return {
    dns: given.filter((name) => isIP(name) === 0),
    ips: given.filter((name) => isIP(name) !== 0),
  };
}

function bare(name: string): string {
  return name.replace(/^\[|\]$/g, '').toLowerCase();
}
