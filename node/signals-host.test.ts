import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CertificateTrust } from '@hansa/capabilities/certificates/contract';
import type { HostedSignals } from '@hansa/capabilities/signals/capability';
import { silentLog, type Caller, type Credential, type Gate } from '@hansa/foundation';
import { dialWebSocket } from '@hansa/signal-sockets';
import { expect, onTestFinished, test } from 'vitest';
import { requires } from '../testkit/needs.ts';
import { ends, pattern, until } from '../testkit/signal-ends.ts';
import type { Opening } from './opening.ts';
import { judgeOf, takeSignals } from './signals-host.ts';

const host = '127.0.0.1';

function certified(): { readonly certificate: string; readonly privateKey: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-signals-'));
  const make = 'req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=node';
  const where = `-keyout key.pem -out cert.pem -addext subjectAltName=IP:${host}`;
  execFileSync('openssl', `${make} ${where}`.split(' '), { cwd: folder, stdio: 'ignore' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const made = { certificate: read('cert.pem'), privateKey: read('key.pem') };
  rmSync(folder, { recursive: true });
  return made;
}

test.runIf(requires('openssl').available)(
  'sessions are shown the certificate that the node has now, and go on when it changes',
  async () => {
    const [first, second] = [certified(), certified()];
    let shown = first;
    let changed = (): void => undefined;
    const trust: Pick<CertificateTrust, 'listener' | 'subscribe'> = {
      listener: async () => ({ ...shown, authorities: [] }),
      subscribe(listener) {
        changed = listener;
        return () => undefined;
      },
    };
    const server = ends((end, frame) => void end.line.send(frame));
    const undo: (() => Promise<void>)[] = [];
    const base = { config: { signals: { host, port: 0, tls: true } }, log: silentLog, undo };
    const way = await takeSignals(base as unknown as Opening, {
      signals: { accept: server.accept } as HostedSignals,
      trust: trust as CertificateTrust,
    });
    const front = createServer({ pauseOnConnect: true }, (socket) => way?.take(socket));
    await new Promise<void>((resolve) => {
      front.listen(0, host, resolve);
    });
    onTestFinished(async () => {
      front.close();
      await Promise.all(undo.map((each) => each()));
    });
    const url = `wss://${host}:${(front.address() as AddressInfo).port}`;
    const dial = async (authorities: string) => {
      const client = ends();
      const line = await dialWebSocket({ url, accept: client.accept, authorities });
      return { client, line };
    };
    const early = await dial(first.certificate);
    await expect(dial(second.certificate)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    shown = second;
    changed();
    await until(() => server.all.length === 1);
    await expect
      .poll(
        () =>
          dial(second.certificate).then(
            () => true,
            () => false,
          ),
        { timeout: 5_000 },
      )
      .toBe(true);
    await expect(dial(first.certificate)).rejects.toMatchObject({ code: 'DIAL_FAILED' });
    early.line.send(pattern(100));
    await until(() => early.client.all[0]?.frames.length === 1);
  },
);

test('the gate of the API admits and judges who comes for signals', async () => {
  const owner: Caller = { kind: 'owner' };
  const admitted: Credential[] = [];
  const gate: Pick<Gate, 'admit' | 'authenticate'> = {
    admit: (credential) => void admitted.push(credential),
    authenticate: async () => owner,
  };
  const judge = judgeOf(gate as Gate, () => undefined);
  judge.admit('10.0.0.1');
  expect(await judge.authenticate({ token: 't', source: '10.0.0.2' })).toBe(owner);
  expect(admitted).toEqual([{ source: '10.0.0.1' }]);
  expect(judge.lapse(owner)).toBeUndefined();
});
