// Asking a node as somebody whom a test chooses: with their session or token, with none, or as who
// wants to do harm. What the tests of abuse have in common.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LoggedIn, OneTimeCode } from '@hansa/capabilities/logins/contract';
import type { ErrorReport } from '@hansa/foundation';
import { expect, onTestFinished } from 'vitest';
import { callApi, type Answer, type Cluster } from '../harness/cluster.ts';

export const password = 'a-password-of-some-length';

export type Ask = <T>(
  token: string | undefined,
  request: readonly [method: string, path: string],
  body?: unknown,
) => Promise<Answer<T>>;

export function askAs(cluster: Cluster): Ask {
  return (token, [method, path], body) =>
    callApi({
      url: cluster.url,
      method,
      path,
      ...(token === undefined ? {} : { token }),
      ...(body === undefined ? {} : { body }),
    });
}

/** As somebody who was invited and has set a password. */
export async function enter(cluster: Cluster, user: string): Promise<LoggedIn> {
  const invite = await cluster.api<OneTimeCode>('POST', `/logins/users/${user}/invite`, {});
  const { code } = invite.body;
  const given = { code, password };
  const login = await askAs(cluster)<LoggedIn>(undefined, ['POST', '/login/code'], given);
  expect(login.status).toBe(200);
  return login.body;
}

export async function codeOf(answer: Promise<Answer<unknown>>): Promise<string> {
  const { status, body } = await answer;
  expect(status).toBeGreaterThanOrEqual(400);
  return (body as ErrorReport).code;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly permission: string;
}

/** All that the API's own description lists, with a name that is none in the place of each. */
export async function operations(cluster: Cluster): Promise<readonly Operation[]> {
  const { body } = await cluster.api<{
    paths: Record<string, Record<string, { 'x-permission'?: string }>>;
  }>('GET', '/openapi.json');
  return Object.entries(body.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({
      method: verb.toUpperCase(),
      path: path.replaceAll(/\{[^}]+\}/g, 'none'),
      permission: operation['x-permission'] ?? 'open',
    })),
  );
}

/** Whoever is told to come back does: the tests of limits use up what all have together. */
export async function patiently<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 429) {
      return answer;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 250);
    });
  }
}

export interface Listening {
  readonly url: string;
  readonly paths: string[];
}

/** Another server, which lives as long as the test. */
export async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Listening> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, paths };
}
