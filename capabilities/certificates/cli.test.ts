import { HansaError } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { certificatesCommands, type CertificateFiles } from './cli.ts';
import type { IssuedCertificate } from './contract.ts';

const spiffeId = `spiffe://${'ab'.repeat(32)}/user/anna`;
const made: IssuedCertificate = {
  serial: '4a01',
  spiffeId,
  role: 'user',
  dns: [],
  ips: [],
  issuedMs: 0,
  notBeforeMs: 0,
  notAfterMs: 86_400_000,
  root: '4b01',
  certificate: 'CERTIFICATE TEXT\n',
  privateKey: 'KEY TEXT\n',
  authorities: 'ROOT TEXT\n',
};

/** A folder in memory. */
function folder(there: readonly string[] = []) {
  const written: Record<string, string> = {};
  const files: CertificateFiles = {
    read: async (path) => `the text of ${path}`,
    async requireFree(_folder, names) {
      if (names.some((name) => there.includes(name))) {
        throw new Error('it is there already');
      }
    },
    async write(path, texts) {
      Object.assign(written, texts);
      return Object.keys(texts).map((name) => `${path}/${name}`);
    },
  };
  const command = (words: string) => commandNamed(certificatesCommands(files), words);
  return { written, command };
}

const unseen = new HansaError('FORBIDDEN', 'not yours to see');

describe('hansa cert issue', () => {
  const answers = { 'certificates.issue': made, 'directory.showUser': unseen };

  test('shows certificate and key once where no folder is named', async () => {
    const { command } = folder();
    const { shown } = await runCommand(command('cert issue'), {
      answers,
      options: { user: 'anna' },
    });
    expect(shown).toContain('KEY TEXT');
    expect(shown).toContain('not shown again');
  });

  test('writes files, and shows no key then, also as data', async () => {
    const { command, written } = folder();
    const options = { user: 'anna', out: 'anna', contextFile: true, url: 'https://x:1' };
    const run = await runCommand(command('cert issue'), { answers, options });
    expect(Object.keys(written).toSorted()).toEqual([
      'ca.pem',
      'cert.pem',
      'context.json',
      'key.pem',
    ]);
    expect(JSON.parse(written['context.json'] ?? '')).toEqual({
      url: 'https://x:1',
      ca: 'ca.pem',
      cert: 'cert.pem',
      key: 'key.pem',
    });
    expect(JSON.stringify(run.output) + run.shown).not.toContain('KEY TEXT');
    expect(run.output.next?.[0]).toContain('hansa context add');
  });

  test('warns where there is no such account', async () => {
    const { command } = folder();
    const unknown = new HansaError('PRINCIPAL_UNKNOWN', 'there is no service ci here');
    const { shown, output } = await runCommand(command('cert issue'), {
      answers: { ...answers, 'directory.showService': unknown },
      options: { service: 'ci' },
    });
    expect(shown).toContain('There is no service ci: nobody gets in by this certificate');
    expect(output.next).toEqual(['hansa service add ci  # and issue it again']);
  });

  test('asks for nothing where a file is in the way', async () => {
    const { command } = folder(['key.pem']);
    const calls: (readonly [string, unknown])[] = [];
    const line = { answers, options: { user: 'anna', out: 'anna' } };
    await expect(runCommand(command('cert issue'), line, calls)).rejects.toThrow('there already');
    expect(calls).toEqual([]);
    const yes = { ...line, options: { ...line.options, yes: true } };
    await runCommand(command('cert issue'), yes, calls);
    expect(calls[0]?.[0]).toBe('certificates.issue');
  });

  test('is for one of them, and sends a request where the key stays', async () => {
    const { command } = folder();
    const wrong = { answers, options: { user: 'anna', service: 'ci' } };
    await expect(runCommand(command('cert issue'), wrong)).rejects.toMatchObject({ code: 'USAGE' });
    const options = { workload: 'web/1', request: 'web.csr', role: 'web', dns: ['web.example'] };
    const { calls } = await runCommand(command('cert issue'), { answers, options });
    expect(calls[0]?.[1]).toMatchObject({
      subject: 'workload:web/1',
      role: 'web',
      request: 'the text of web.csr',
      dns: ['web.example'],
    });
  });
});

test('what cannot be undone is asked first, or not done', async () => {
  const { command } = folder();
  const plan = { present: '4b01', signsFromMs: 1, retiresMs: 2, connected: ['bergen'], away: [] };
  const answers = { 'certificates.planRotation': plan, 'certificates.rotate': plan };
  const calls: (readonly [string, unknown])[] = [];
  await expect(runCommand(command('cert ca rotate'), { answers }, calls)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  const planned = await runCommand(command('cert ca rotate'), { answers, options: { plan: true } });
  expect(planned.shown).toContain('told at once: bergen');
  expect([...calls, ...planned.calls].map(([name]) => name)).not.toContain('certificates.rotate');
  const { calls: done } = await runCommand(command('cert ca rotate'), {
    answers,
    options: { yes: true },
  });
  expect(done.map(([name]) => name)).toContain('certificates.rotate');
  for (const words of ['cert revoke', 'cert role remove']) {
    const line = { answers: {}, args: { serial: '4a01', role: 'web' } };
    await expect(runCommand(command(words), line)).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  }
});

test('lists are tables of who, until when, and what is to be done', async () => {
  const { command } = folder();
  const { certificate: _text, privateKey: _key, authorities: _roots, ...row } = made;
  const listed = { certificates: [row, { ...row, serial: '4a02', revokedMs: 1 }], more: true };
  const list = await runCommand(command('cert list'), { answers: { 'certificates.list': listed } });
  expect(list.shown).toContain('4a01|user:anna|user|1970-01-02 00:00:00 UTC|counts');
  expect(list.shown).toContain('revoked');
  expect(list.output.next).toEqual(['hansa cert list --after 4a02']);
  const ending = { what: 'issued', subject: spiffeId, serial: '4a01', notAfterMs: 1 };
  const certificates = [{ ...ending, leftMs: 90_000, ending: true }];
  const expiring = await runCommand(command('cert expiring'), {
    answers: { 'certificates.expiring': { certificates } },
  });
  expect(expiring.shown).toContain('user:anna|4a01|1 minute 30 seconds|act now');
});

test('a bundle is printed as SPIFFE’s JSON or as PEM', async () => {
  const { command, written } = folder();
  const spiffe = { keys: [], spiffe_sequence: 7, spiffe_refresh_hint: 300 };
  const bundle = { cluster: 'ab'.repeat(32), spiffe, authorities: 'ROOT TEXT\n', revoked: [] };
  const answers = { 'certificates.bundle': bundle };
  const json = await runCommand(command('cert bundle export'), { answers });
  expect(JSON.parse(json.shown)).toEqual(spiffe);
  const pem = await runCommand(command('cert bundle export'), {
    answers,
    options: { format: 'pem' },
  });
  expect(pem.shown).toBe('ROOT TEXT');
  await runCommand(command('cert bundle export'), { answers, options: { out: 'x' } });
  expect(Object.keys(written)).toEqual(['bundle.json', 'ca.pem']);
});
