// `npm start` as a process: started, read as it speaks, interrupted as a terminal does it.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const checkout = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export interface Told {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Demonstration {
  /** Resolves once the story has said this; rejects where it ends before. */
  said(words: string): Promise<void>;
  /** Ctrl-C: the signal goes to every process of the terminal's foreground group. */
  interrupt(): void;
  readonly ended: Promise<Told>;
}

export function startDemonstration(...args: readonly string[]): Demonstration {
  const child = spawn(process.execPath, [join(checkout, 'scripts', 'start.mjs'), ...args], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, as in a terminal
    env: { ...process.env, NO_COLOR: '1' },
  });
  let out = '';
  let err = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    listeners.forEach((listener) => listener());
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<Told>((resolve) => {
    child.on('close', (code) => resolve({ code, out, err }));
  });
  return {
    ended,
    interrupt: () => process.kill(-(child.pid ?? 0), 'SIGINT'),
    said: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.includes(words)) {
            listeners.delete(look);
            resolve();
          }
        };
        listeners.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without "${words}":\n${out}${err}`)));
      }),
  };
}
