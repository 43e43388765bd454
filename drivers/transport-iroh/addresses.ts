// Where an endpoint listens, and what an address hint means to the library.
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

const addressesMax = 16; // hints used of one peer; the library tries them all at once
const addressPattern = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]/]+)):(?<port>\d{1,5})$/;

/**
 * The library binds every address of a family that is not named, so both are always named: the
 * host, and for the other family loopback, or everything where the host is everything.
 */
export function bindAddresses(host: string, port: number): readonly string[] {
  if (isIPv6(host)) {
    return [`[${host}]:${port}`, host === '::' ? `0.0.0.0:${port}` : `127.0.0.1:${port}`];
  }
  const four = `${host}:${port}`;
  return hasIPv6() ? [four, host === '0.0.0.0' ? `[::]:${port}` : `[::1]:${port}`] : [four];
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((address) => address.family === 'IPv6'),
  );
}

export interface DialTargets {
  readonly sockets: readonly string[];
  readonly relay: string | undefined;
}

/** Hints that mean nothing are left out; host names are looked up. */
export async function dialTargets(hints: readonly string[]): Promise<DialTargets> {
  const relay = hints.find((hint) => hint.startsWith('https://'));
  const found = await Promise.all(hints.slice(0, addressesMax).map(socketsOf));
  return { sockets: [...new Set(found.flat())].slice(0, addressesMax), relay };
}

async function socketsOf(hint: string): Promise<readonly string[]> {
  const parts = addressPattern.exec(hint)?.groups;
  const host = parts?.['six'] ?? parts?.['host'];
  const port = Number(parts?.['port']);
  if (host === undefined || port < 1 || port > 65_535) {
    return [];
  }
  if (isIP(host) !== 0) {
    return [socket(host, port)];
  }
  const answers = await lookup(host, { all: true }).catch(() => []);
  return answers.map((answer) => socket(answer.address, port));
}

function socket(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}
