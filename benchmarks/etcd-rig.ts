// Two etcd servers on loopback, and etcdctl make-mirror from the first to the second.
import { spawn, type ChildProcess } from 'node:child_process';
import { startEtcd as startServer } from '../testkit/etcd-server.ts';
import { endProcess } from './federation-rig.ts';

const txnOps = 100; // of one transaction; the server takes 128

export interface Etcd {
  readonly endpoint: string;
  put(key: string, value: string): Promise<void>;
  fill(prefix: string, work: { readonly keys: number; readonly bytes: number }): Promise<void>;
  count(prefix: string): Promise<number>;
  /** Values that come under the prefix, from now on, until `stop`. */
  watch(prefix: string, seen: (value: string) => void): Promise<() => void>;
  close(): Promise<void>;
}

export async function startEtcd(): Promise<Etcd> {
  const server = await startServer();
  const endpoint = `http://${server.endpoints[0] ?? ''}`;
  const ask = async (method: string, body: unknown, signal?: AbortSignal): Promise<Response> => {
    const init = { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(
      `${endpoint}/v3/${method}`,
      signal === undefined ? init : { ...init, signal },
    );
    if (!response.ok) {
      throw new Error(`etcd ${method}: ${response.status} ${await response.text()}`);
    }
    return response;
  };
  return {
    endpoint,
    async put(key, value) {
      await (await ask('kv/put', { key: base64(key), value: base64(value) })).json();
    },
    async fill(prefix, { keys, bytes }) {
      const value = base64('x'.repeat(bytes));
      for (let at = 0; at < keys; at += txnOps) {
        const length = Math.min(txnOps, keys - at);
        const success = Array.from({ length }, (_, index) => ({
          requestPut: { key: base64(`${prefix}k${at + index}`), value },
        }));
        await (await ask('kv/txn', { success })).json();
      }
    },
    async count(prefix) {
      const answer = await ask('kv/range', { ...under(prefix), count_only: true });
      return Number(((await answer.json()) as { count?: string }).count ?? 0);
    },
    async watch(prefix, seen) {
      const leaving = new AbortController();
      const response = await ask('watch', { create_request: under(prefix) }, leaving.signal);
      void readWatch(response, seen).catch(() => undefined);
      return () => leaving.abort();
    },
    close: () => server.end(),
  };
}

/** Plain HTTP/2 between the two: as etcdctl does by default. */
export function makeMirror(
  from: Etcd,
  to: Etcd,
  prefix: string,
): { readonly close: () => Promise<void> } {
  const child: ChildProcess = spawn(
    'etcdctl',
    [
      'make-mirror',
      to.endpoint,
      `--endpoints=${from.endpoint}`,
      `--prefix=${prefix}`,
      '--dest-insecure-transport',
    ],
    { stdio: 'ignore', env: { ...process.env, ETCDCTL_API: '3' } },
  );
  return { close: () => endProcess(child, 'SIGKILL') };
}

type WatchLine = { result?: { events?: { kv?: { value?: string } }[] } };

async function readWatch(response: Response, seen: (value: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const piece of response.body ?? []) {
    held += decoder.decode(piece, { stream: true });
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    lines.flatMap(valuesOf).forEach(seen);
  }
}

function valuesOf(line: string): string[] {
  const { result } = JSON.parse(line) as WatchLine;
  return (result?.events ?? []).map(({ kv }) =>
    Buffer.from(kv?.value ?? '', 'base64').toString('utf8'),
  );
}

function under(prefix: string): { readonly key: string; readonly range_end: string } {
  const last = prefix.charCodeAt(prefix.length - 1);
  const next = prefix.slice(0, -1) + String.fromCharCode(last + 1);
  return { key: base64(prefix), range_end: base64(next) };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
