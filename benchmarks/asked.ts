// How a measured process is told what to do: the methods of an object, asked by messages of the
// process that started it.
import { fork, type ChildProcess } from 'node:child_process';

interface Asked {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

interface Said {
  readonly ready?: boolean;
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** In the started process: answers until the other one is gone. */
export function askedBy(methods: object, end: () => Promise<void>): void {
  const table = methods as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  process.on('message', ({ id, method, args }: Asked) => {
    table[method]?.(...args).then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => process.send?.({ id, error: String(error) }),
    );
  });
  process.once('disconnect', () => void end().then(() => process.exit(0)));
  process.send?.({ ready: true });
}

export interface Started<T> {
  readonly node: T;
  readonly pid: number;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** In good order: what it was told to write at its end is written. */
  end(): Promise<void>;
}

/** In the starting process. */
export async function startAsked<T extends object>(
  script: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<Started<T>> {
  const child = fork(script, [...args], {
    execArgv: ['--conditions=@hansa/source', '--import', 'tsx', ...nodeOptions],
  });
  const node = await talkTo<T>(child);
  const gone = (): Promise<void> =>
    new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        resolve();
      } else {
        child.once('exit', () => resolve());
      }
    });
  return {
    node,
    pid: child.pid ?? 0,
    kill() {
      child.kill('SIGKILL');
      return gone();
    },
    end() {
      child.disconnect();
      return gone();
    },
  };
}

function talkTo<T extends object>(child: ChildProcess): Promise<T> {
  const waiting = new Map<number, (said: Said) => void>();
  let lastId = 0;
  const ask = (method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, ({ value, error }) =>
        error === undefined ? resolve(value) : reject(new Error(`${method}: ${error}`)),
      );
      child.send({ id: lastId, method, args });
    });
  const node = new Proxy({} as T, {
    get: (_target, method) =>
      // A promise is asked whether it is one.
      method === 'then' ? undefined : (...args: unknown[]) => ask(String(method), args),
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      const gone = new Error(`a measured process ended with ${code}`);
      waiting.forEach((settle) => settle({ error: gone.message }));
      reject(gone);
    });
    child.on('message', (said: Said) => {
      if (said.ready === true) {
        resolve(node);
      } else if (said.id !== undefined) {
        waiting.get(said.id)?.(said);
        waiting.delete(said.id);
      }
    });
  });
}
