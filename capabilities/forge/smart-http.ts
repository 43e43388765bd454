// Git's smart HTTP protocol on foundation's requests and responses: three addresses below a
// repository's path. It knows neither disks nor permissions; who may read or push is decided by
// `find`.
import { utf8, type Call, type HttpRequest, type HttpResponse } from '@hansa/foundation';
import type { DecidePush, Git, GitService } from './git.ts';
import { withPushRules } from './push-rules.ts';

/** A repository as one caller may use it. */
export interface FoundRepository {
  readonly key: string;
  /** What decides a push, or the sentence that the pusher reads instead. */
  readonly writable: { readonly decide: DecidePush } | { readonly refusal: string };
}

export interface SmartHttpNeeds {
  readonly git: Git;
  /**
   * Opens the repository at this path (without `.git` at its end) and brings it up to date;
   * undefined where there is none, or none for this caller: both are answered alike.
   */
  find(path: string, service: GitService, call: Call): Promise<FoundRepository | undefined>;
}

type GitHandler = (
  request: HttpRequest,
  call: Call & { readonly signal: AbortSignal },
) => Promise<HttpResponse>;

/**
 * Handlers for routes that end in `/*`; the rest of the path is the repository and git's own
 * address.
 */
export interface SmartHttp {
  /** `GET …/info/refs?service=…` */
  readonly get: GitHandler;
  /** `POST …/git-upload-pack` and `POST …/git-receive-pack` */
  readonly post: GitHandler;
}

// it becomes an environment variable of git
const protocolHeaderPattern = /^[A-Za-z0-9=:._-]{1,256}$/;
const uncached = {
  'cache-control': 'no-cache, max-age=0, must-revalidate',
  expires: 'Fri, 01 Jan 1980 00:00:00 GMT',
  pragma: 'no-cache',
} as const;
const flushPacket = '0000';

export function smartHttp(needs: SmartHttpNeeds): SmartHttp {
  return {
    get: (request, call) => advertise(needs, request, call),
    post: (request, call) => converse(needs, request, call),
  };
}

async function advertise(
  { git, find }: SmartHttpNeeds,
  request: HttpRequest,
  call: Call & { readonly signal: AbortSignal },
): Promise<HttpResponse> {
  const path = repositoryPath(request, '/info/refs');
  if (path === undefined) {
    return text(
      404,
      'only the smart protocol is spoken here: use a git client of version 1.6.6 or later',
    );
  }
  const service = serviceNamed(request.query['service']);
  if (service === undefined) {
    return text(
      403,
      'the dumb protocol is not spoken here: use a git client of version 1.6.6 or later',
    );
  }
  const found = await find(path, service, call);
  if (found === undefined) {
    return notFound(path);
  }
  if (service === 'git-receive-pack' && 'refusal' in found.writable) {
    return text(403, found.writable.refusal);
  }
  const protocol = protocolOf(request);
  const talk = { protocol, signal: call.signal };
  const announced = hasOwnGreeting(service, protocol)
    ? ''
    : packetLine(`# service=${service}\n`) + flushPacket;
  return {
    status: 200,
    headers: { ...uncached, 'content-type': `application/x-${service}-advertisement` },
    body: await begun(git.advertise(found.key, service, talk), utf8(announced)),
  };
}

async function converse(
  { git, find }: SmartHttpNeeds,
  request: HttpRequest,
  call: Call & { readonly signal: AbortSignal },
): Promise<HttpResponse> {
  const service = serviceNamed(request.params['*']?.split('/').at(-1));
  const path = service && repositoryPath(request, `/${service}`);
  if (service === undefined || path === undefined) {
    return text(404, 'git posts to …/git-upload-pack and …/git-receive-pack only');
  }
  if (mediaType(request) !== `application/x-${service}-request`) {
    return text(415, `the body must be application/x-${service}-request`);
  }
  const found = await find(path, service, call);
  if (found === undefined) {
    return notFound(path);
  }
  const talk = { protocol: protocolOf(request), signal: call.signal };
  let output: AsyncIterable<Uint8Array>;
  if (service === 'git-upload-pack') {
    output = git.uploadPack(found.key, request.body, talk);
  } else if ('refusal' in found.writable) {
    return text(403, found.writable.refusal);
  } else {
    const decide = withPushRules(found.writable.decide);
    output = git.receivePack(found.key, request.body, { ...talk, decide });
  }
  return {
    status: 200,
    headers: { ...uncached, 'content-type': `application/x-${service}-result` },
    body: await begun(output),
  };
}

/** `team/app` of `team/app.git/info/refs`: git's users write the suffix or leave it out. */
function repositoryPath(request: HttpRequest, suffix: string): string | undefined {
  const rest = request.params['*'] ?? '';
  if (!rest.endsWith(suffix)) {
    return undefined;
  }
  const path = rest.slice(0, -suffix.length).replace(/\.git$/, '');
  return path === '' ? undefined : path;
}

function serviceNamed(name: string | undefined): GitService | undefined {
  return name === 'git-upload-pack' || name === 'git-receive-pack' ? name : undefined;
}

function protocolOf(request: HttpRequest): string | undefined {
  const header = request.headers['git-protocol'];
  return header !== undefined && protocolHeaderPattern.test(header) ? header : undefined;
}

/** Version 2 begins with its own first line; pushes have no version 2. */
function hasOwnGreeting(service: GitService, protocol: string | undefined): boolean {
  return service === 'git-upload-pack' && (protocol ?? '').split(':').includes('version=2');
}

function mediaType(request: HttpRequest): string | undefined {
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

function packetLine(line: string): string {
  return (line.length + 4).toString(16).padStart(4, '0') + line;
}

/**
 * Waits for the first bytes, so that a failure before them is still an error with a status; after
 * them it can only cut the answer short, which every git client notices.
 */
async function begun(
  output: AsyncIterable<Uint8Array>,
  greeting?: Uint8Array,
): Promise<AsyncIterable<Uint8Array>> {
  const pieces = output[Symbol.asyncIterator]();
  const waiting: IteratorResult<Uint8Array>[] = [await pieces.next()];
  if (greeting !== undefined && greeting.length > 0) {
    waiting.unshift({ done: false, value: greeting });
  }
  // Not a generator: one that is dropped before its first step would leave git running.
  const whole: AsyncIterator<Uint8Array> = {
    next: async () => waiting.shift() ?? (await pieces.next()),
    return: async () => {
      await pieces.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => whole };
}

function notFound(path: string): HttpResponse {
  return text(404, `there is no repository ${path} here`);
}

/** Git shows a plain text body to its user, line by line, after `remote:`. */
function text(status: number, sentence: string): HttpResponse {
  return {
    status,
    headers: { ...uncached, 'content-type': 'text/plain; charset=utf-8' },
    body: utf8(`${sentence}\n`),
  };
}
