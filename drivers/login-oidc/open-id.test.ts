// What keeps us from asking a provider, and what it must not say of itself. The ways in and all
// that is refused on them are tried with a whole provider: tests/black-box/oidc.test.ts.
import { createServer, type Server } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { createOpenIdProvider } from './index.ts';

async function serveDiscovery(answer: (issuer: string) => object | undefined): Promise<{
  readonly issuer: string;
  asked(): number;
  stop(): Promise<void>;
}> {
  let asked = 0;
  const server: Server = createServer((_request, response) => {
    asked += 1;
    const body = answer(issuer);
    response.writeHead(body === undefined ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const issuer = `http://127.0.0.1:${port}`;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(stop);
  return { issuer, asked: () => asked, stop };
}

const honest = (issuer: string): object => ({
  issuer,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
});

function settings(issuer: string) {
  return { issuer, client: 'hansa', scopes: ['email'], callback: 'http://127.0.0.1:1/back' };
}

test('a login begins with a state, a nonce and a challenge of its own, and asks who it is once', async () => {
  const { issuer, asked } = await serveDiscovery(honest);
  const provider = createOpenIdProvider({ monotonicMs: () => 0 });
  const [one, two] = [
    await provider.begin(settings(issuer)),
    await provider.begin(settings(issuer)),
  ];
  expect(asked()).toBe(1);
  const { searchParams } = new URL(one.url);
  expect(Object.fromEntries(searchParams)).toMatchObject({
    client_id: 'hansa',
    response_type: 'code',
    scope: 'openid email',
    redirect_uri: 'http://127.0.0.1:1/back',
    state: one.state,
    nonce: one.nonce,
    code_challenge_method: 'S256',
  });
  expect(one.url).not.toContain(one.verifier);
  const drawn = [one, two].flatMap(({ state, nonce, verifier }) => [state, nonce, verifier]);
  expect(new Set(drawn).size).toBe(6);
});

test('what a provider says of itself is asked again after an hour, and at once after a failure', async () => {
  let nowMs = 0;
  let up = false;
  const { issuer, asked } = await serveDiscovery((its) => (up ? honest(its) : undefined));
  const provider = createOpenIdProvider({ monotonicMs: () => nowMs });
  const failed = { code: 'PROVIDER_FAILED' };
  await expect(provider.begin(settings(issuer))).rejects.toMatchObject(failed);
  up = true;
  await provider.begin(settings(issuer));
  nowMs = 3_599_999;
  await provider.begin(settings(issuer));
  expect(asked()).toBe(2);
  nowMs = 3_600_000;
  await provider.begin(settings(issuer));
  expect(asked()).toBe(3);
});

test('a provider that is away is PROVIDER_FAILED, and one that is another’s is refused', async () => {
  const gone = await serveDiscovery(honest);
  await gone.stop();
  const provider = createOpenIdProvider({ monotonicMs: () => 0 });
  await expect(provider.begin(settings(gone.issuer))).rejects.toMatchObject({
    code: 'PROVIDER_FAILED',
  });
  const other = await serveDiscovery(() => honest('https://evil.example'));
  await expect(provider.begin(settings(other.issuer))).rejects.toMatchObject({
    code: 'LOGIN_REFUSED',
  });
});

test('plain http is for this machine alone: elsewhere nothing is asked', async () => {
  const provider = createOpenIdProvider({ monotonicMs: () => 0 });
  const begun = provider.begin(settings('http://provider.invalid'));
  await expect(begun).rejects.toMatchObject({ code: 'PROVIDER_FAILED' });
});
