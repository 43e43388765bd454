// Where a plane is reached, and what an address means.
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

const announcedMax = 8; // as many hints as a link keeps of one node

/** `host:port` hints for peers: every interface where all of them are listened on. */
export function announced(host: string, port: number): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') {
    return [hostPort(host, port)];
  }
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const usable = all.filter(({ family }) => host === '::' || family === 'IPv4');
  // What leads in from outside comes first.
  const ordered = [
    ...usable.filter(({ internal }) => !internal),
    ...usable.filter(({ internal }) => internal),
  ];
  return ordered.slice(0, announcedMax).map(({ address }) => hostPort(address, port));
}

function hostPort(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

const addressPattern = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^\s:[\]/]+)):(?<port>\d{1,5})$/;

/** Undefined where it means nothing. */
export function dialTarget(
  address: string,
): { readonly host: string; readonly port: number } | undefined {
  const parts = addressPattern.exec(address)?.groups;
  const host = parts?.['six'] ?? parts?.['host'];
  const port = Number(parts?.['port']);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
