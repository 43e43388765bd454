// Stock git for measuring: commands with an environment of their own, a large repository made fast,
// and the peer: a plain bare repository behind git's own http-backend.
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

const environment = {
  PATH: process.env['PATH'] ?? '',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@hansa.invalid',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@hansa.invalid',
  LC_ALL: 'C',
};

export function git(cwd: string, ...args: readonly string[]): Promise<string> {
  return run(cwd, args);
}

function run(cwd: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { cwd, env: { ...environment, HOME: cwd } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) {
        resolve(stdout);
      } else {
        reject(new Error(`git ${args.join(' ')}: ${stderr.trim()}`));
      }
    });
    child.stdin.on('error', () => undefined); // most commands do not read it
    child.stdin.end(input ?? '');
  });
}

/** At least three objects a commit: blob, tree, commit. Deterministic. */
export async function makeRepository(folder: string, commits: number): Promise<void> {
  await run(folder, ['init', '--quiet', '--bare', '--initial-branch', 'main', 'large.git']);
  const lines: string[] = [];
  for (let i = 1; i <= commits; i += 1) {
    const content = `${'x'.repeat(200 + (i % 300))} ${i} ${(i * 2_654_435_761) % 4_294_967_296}\n`;
    const message = `Commit ${i}`;
    lines.push(
      'commit refs/heads/main',
      `mark :${i}`,
      `committer bench <bench@hansa.invalid> ${1_700_000_000 + i} +0000`,
      `data ${message.length}`,
      message,
      ...(i > 1 ? [`from :${i - 1}`] : []),
      `M 100644 inline folder-${i % 40}/file-${i % 997}.txt`,
      `data ${content.length}`,
      content,
    );
  }
  await run(join(folder, 'large.git'), ['fast-import', '--quiet'], `${lines.join('\n')}\n`);
}

export async function countObjects(repository: string): Promise<number> {
  const text = await git(repository, 'rev-list', '--objects', '--all', '--count');
  return Number(text.trim());
}

/** git's own CGI program behind Node's HTTP server: the plainest smart HTTP there is. */
export async function serveBare(root: string): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => answer(root, request, response));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

function answer(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      ...environment,
      HOME: root,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'bench',
    },
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  let head: Buffer | undefined = Buffer.alloc(0);
  child.stdout.on('data', (piece: Buffer) => {
    if (head === undefined) {
      response.write(piece);
      return;
    }
    head = Buffer.concat([head, piece]);
    const end = head.indexOf('\r\n\r\n');
    if (end >= 0) {
      writeHead(response, head.subarray(0, end).toString());
      response.write(head.subarray(end + 4));
      head = undefined;
    }
  });
  child.on('close', () => response.end());
}

function writeHead(response: ServerResponse, text: string): void {
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (name.toLowerCase() === 'status') {
      response.statusCode = Number(value.split(' ')[0]);
    } else {
      response.setHeader(name, value);
    }
  }
}
