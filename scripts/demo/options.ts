// What the demonstration is told on its command line.
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const checkout: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface DemoOptions {
  /** A git repository of the user's; by default this project's own history. */
  readonly repository: string;
  readonly given: boolean;
  readonly once: boolean;
  /** API ports from here on, link ports a hundred above. */
  readonly portBase: number;
  /** Where contexts.json lies: `.hansa` of the checkout. */
  readonly home: string;
  readonly repositoryName: string;
}

export const usage = `npm start -- [options]

Starts three clusters on this machine, links them, shares a git repository from lubeck with bergen
and not with visby, shows it arriving verified, then tries what must fail.

  --repository PATH  the git repository to share (default: this project's own)
  --once             exit when done: 0 on success
  --port-base N      first API port (default 4870; links use N+100 and up)
  --home DIR         where the clusters keep their data (default .hansa)
  --help             this text
`;

export function readOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      repository: { type: 'string' },
      once: { type: 'boolean', default: false },
      'port-base': { type: 'string', default: '4870' },
      home: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    return 'help';
  }
  const portBase = Number(values['port-base']);
  if (!Number.isInteger(portBase) || portBase < 1 || portBase > 65_000) {
    throw new Error(`--port-base is a port number, not "${values['port-base']}"`);
  }
  const repository = resolve(values.repository ?? checkout);
  const plain = basename(repository)
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/\.git$/, '');
  return {
    repository,
    given: values.repository !== undefined,
    once: values.once,
    portBase,
    home: resolve(values.home ?? join(checkout, '.hansa')),
    repositoryName: values.repository === undefined ? 'hansa' : plain || 'repository',
  };
}
