// Certificates over real processes: the API by TLS while leaves and authorities change, who is let
// in by one and who is not, and linked clusters that learn of each other's.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AuthorityView,
  BundleView,
  CertificateRow,
  IssuedCertificate,
  SpiffeBundle,
} from '@hansa/capabilities/certificates/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { prepareCluster, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { askByTls, type Shown } from './harness/tls.ts';
import { notYet, until } from './harness/until.ts';

// An authority of 24 s makes its successor after 16 s; a node's certificate of 9 s renews after 6
// s, so that a machine which stands still for two seconds shows none that has expired.
const short = ['--cert-root-validity', '24s', '--cert-node-validity', '9s'];
const nextAuthorityWithinMs = 60_000; // up to 24 s by the clock, and twice that to notice
const flags = ['--tls', 'on', '--sync-interval', '2', '--cert-refresh-hint', '2s'];
let lubeck: Cluster;
let bergen: Cluster;
/** On lubeck, through all of the tests. */
let traffic: Traffic;
let begun: readonly string[];

beforeAll(async () => {
  [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck', flags: [...flags, ...short] }),
    startCluster({ name: 'bergen', flags }),
  ]);
  await linkClusters(lubeck, bergen);
  await must(lubeck, 'user', 'add', 'anna', '--role', 'viewer');
  await must(bergen, 'user', 'add', 'ben', '--role', 'viewer');
  begun = (await rootsOf(lubeck)).map(({ serial }) => serial);
  traffic = await beginTraffic(lubeck);
});

async function rootsOf(cluster: Cluster): Promise<AuthorityView['roots']> {
  return (await cluster.api<AuthorityView>('GET', '/certificates/authority')).body.roots;
}

async function issue(cluster: Cluster, body: object): Promise<IssuedCertificate> {
  const answer = await cluster.api<IssuedCertificate>('POST', '/certificates', body);
  expect(answer).toMatchObject({ status: 200 });
  return answer.body;
}

function shownBy(issued: IssuedCertificate, ca: string = issued.authorities): Shown {
  return { ca, cert: issued.certificate, key: issued.privateKey };
}

async function authorities(cluster: Cluster): Promise<string> {
  return (await cluster.api<BundleView>('GET', '/certificates/bundle')).body.authorities;
}

/** The refusal's code, or the status where it was none. */
async function outcome(cluster: Cluster, shown: Shown, path = '/links'): Promise<string> {
  const { status, body } = await askByTls<ErrorReport>(cluster.url, shown, { path });
  return status === 200 ? 'OK' : body.code;
}

describe('by TLS', () => {
  test('whoever shows no certificate is refused, whatever they ask and with whatever token', async () => {
    const ca = await authorities(lubeck);
    for (const path of ['/health', '/links', '/nowhere', '/.well-known/spiffe-bundle']) {
      expect(await outcome(lubeck, { ca }, path)).toBe('CERTIFICATE_REQUIRED');
    }
    const token = lubeck.token();
    const asked = await askByTls<ErrorReport>(lubeck.url, { ca }, { path: '/links', token });
    expect([asked.status, asked.body.code]).toEqual([401, 'CERTIFICATE_REQUIRED']);
  });

  test('a certificate is who one is; what they may, their roles say', async () => {
    const anna = shownBy(await issue(lubeck, { subject: 'user:anna' }));
    expect(await outcome(lubeck, anna)).toBe('OK');
    const write = { method: 'POST', path: '/greetings', body: { name: 'x' } };
    expect((await askByTls(lubeck.url, anna, write)).status).toBe(403);
    const token = lubeck.token();
    expect((await askByTls(lubeck.url, anna, { ...write, token })).status).toBe(200);
    const wrong = { ...write, token: 'f'.repeat(64) };
    expect((await askByTls(lubeck.url, anna, wrong)).status).toBe(401);
    const nobody = shownBy(await issue(lubeck, { subject: 'user:nobody' }));
    expect(await outcome(lubeck, nobody)).not.toBe('OK');
  });

  test('TLS 1.2 is not spoken', async () => {
    const anna = shownBy(await issue(lubeck, { subject: 'user:anna' }));
    const old = { ...anna, maxVersion: 'TLSv1.2' };
    await expect(askByTls(lubeck.url, old, { path: '/links' })).rejects.toThrow(/alert|version/);
  });

  test('a revoked one is refused, and its open connection ends', async () => {
    const issued = await issue(lubeck, { subject: 'user:anna' });
    const anna = shownBy(issued);
    const watch = askByTls(lubeck.url, anna, { path: '/links/changes' });
    const ended = watch.then(
      ({ status }) => `ended with ${status}`,
      () => 'broken off',
    );
    expect(await outcome(lubeck, anna)).toBe('OK');
    await must(lubeck, 'cert', 'revoke', issued.serial, '--reason', 'lost', '--yes');
    expect(await outcome(lubeck, anna)).toBe('CERTIFICATE_REVOKED');
    expect(await ended).toMatch(/broken off|ended/);
    const { lists } = await must<{ lists: string[] }>(lubeck, 'cert', 'crl');
    const file = join(temporaryFolder('crl'), 'crl.pem');
    writeFileSync(file, lists.join(''));
    const text = execFileSync('openssl', ['crl', '-in', file, '-noout', '-text']).toString();
    expect(text.toLowerCase()).toContain(issued.serial);
  });

  test('an expired one, a rogue one, and one for two are refused with the reason', async () => {
    // One that runs out before a busy machine has shown it says nothing: then another is issued.
    const brief = await until('a brief one is let in', async () => {
      const shown = shownBy(await issue(lubeck, { subject: 'user:anna', ttlMs: 2_000 }));
      const code = await outcome(lubeck, shown);
      expect(['OK', 'CERTIFICATE_EXPIRED']).toContain(code);
      return code === 'OK' ? shown : notYet(code);
    });
    await until('it has run out', async () => {
      const code = await outcome(lubeck, { ...brief, ca: await authorities(lubeck) });
      return code === 'CERTIFICATE_EXPIRED' || notYet(code);
    });
    const domain = `spiffe://${(await lubeck.api<BundleView>('GET', '/certificates/bundle')).body.cluster}`;
    const ca = await authorities(lubeck);
    const rogue = selfMade(`URI:${domain}/user/anna`);
    expect(await outcome(lubeck, { ...rogue, ca })).toBe('CERTIFICATE_UNTRUSTED');
    const two = selfMade(`URI:${domain}/user/anna,URI:${domain}/user/ben`);
    expect(await outcome(lubeck, { ...two, ca })).toBe('CERTIFICATE_UNFIT');
    const outside = { subject: 'user:anna', dns: ['web.example'] };
    const refused = await lubeck.api<ErrorReport>('POST', '/certificates', outside);
    expect([refused.status, refused.body.code]).toEqual([403, 'CERTIFICATE_OUTSIDE_ROLE']);
  });

  test('no address but loopback is listened on without it', async () => {
    const flags = ['--api-host', '0.0.0.0', '--tls', 'off'];
    const open = prepareCluster({ name: 'open', flags });
    await expect(open.restart()).rejects.toThrow('CONFIG_INVALID');
  });
});

/** By stock openssl, of an authority that nobody knows. */
function selfMade(names: string): { cert: string; key: string } {
  const cwd = temporaryFolder('rogue');
  const openssl = (...args: string[]): Buffer =>
    execFileSync('openssl', args, { cwd, stdio: 'pipe' });
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'k.pem',
  ];
  const uses = ['-addext', 'extendedKeyUsage=clientAuth', '-addext', 'basicConstraints=CA:FALSE'];
  const named = ['-subj', '/CN=x', '-addext', `subjectAltName=${names}`];
  openssl('req', '-x509', ...key, ...named, ...uses, '-days', '1', '-out', 'c.pem');
  return {
    cert: readFileSync(join(cwd, 'c.pem'), 'utf8'),
    key: readFileSync(join(cwd, 'k.pem'), 'utf8'),
  };
}

describe('a context', () => {
  test('of certificates reaches a cluster that runs elsewhere', async () => {
    const home = temporaryFolder('ben');
    const out = join(home, 'certificates');
    const words = ['cert', 'issue', '--user', 'ben', '--out', out, '--context-file'];
    const issued = await must<CertificateRow>(bergen, ...words, '--url', bergen.url);
    expect(JSON.stringify(issued)).not.toContain('PRIVATE KEY');
    for (const name of ['cert.pem', 'key.pem', 'ca.pem', 'context.json']) {
      expect(statSync(join(out, name)).mode & 0o777).toBe(0o600);
    }
    expect((await bergen.hansa(...words)).report().code).toBe('INPUT_INVALID');
    mkdirSync(join(home, 'elsewhere'));
    const elsewhere = prepareCluster({ name: 'there', data: join(home, 'elsewhere') });
    await must(elsewhere, 'context', 'add', 'there', '--from', join(out, 'context.json'));
    const { links } = await must<{ links: { name: string }[] }>(elsewhere, 'link', 'list');
    expect(links.map(({ name }) => name)).toEqual(['lubeck']);
    // An old bundle is asked for anew beside the next command.
    const ca = join(out, 'ca.pem');
    utimesSync(ca, 0, 0);
    await must(elsewhere, 'status');
    expect(statSync(ca).mtimeMs).toBeGreaterThan(0);
    expect(readFileSync(ca, 'utf8')).toContain('BEGIN CERTIFICATE');
    const refused = await elsewhere.hansa('greeting', 'say', 'x');
    expect(refused.report().code).toBe('FORBIDDEN');
  });
});

describe('linked clusters', () => {
  test('know each other’s people, let in those whose role is mapped, and no third’s', async () => {
    const ben = await issue(bergen, { subject: 'user:ben' });
    const shown = async (): Promise<Shown> => shownBy(ben, await authorities(lubeck));
    const known = await until('bergen’s bundle is here', async () => {
      const code = await outcome(lubeck, await shown());
      return code === 'CERTIFICATE_UNTRUSTED' ? notYet(code) : code;
    });
    expect(known).toBe('CALLER_UNKNOWN');
    await must(bergen, 'share', 'add', 'directory/people', '--to', 'lubeck');
    await must(lubeck, 'mirror', 'add', 'bergen:directory/people');
    await until('ben is known, and nothing counts yet', async () => {
      const asked = await askByTls<ErrorReport>(lubeck.url, await shown(), { path: '/links' });
      return asked.status === 403 || notYet(asked);
    });
    await must(lubeck, 'role', 'map', 'bergen', 'role:viewer', 'viewer', '--yes');
    await until('ben is let in', async () => {
      const code = await outcome(lubeck, await shown());
      return code === 'OK' || notYet(code);
    });
  });

  test('refuse whom the other has revoked', async () => {
    const issued = await issue(bergen, { subject: 'user:ben' });
    await must(bergen, 'cert', 'revoke', issued.serial, '--yes');
    await until('lubeck has heard', async () => {
      const code = await outcome(lubeck, shownBy(issued, await authorities(lubeck)));
      return code === 'CERTIFICATE_REVOKED' || notYet(code);
    });
  });

  test('one that was away while the other’s authority changed knows the new one when back', async () => {
    await bergen.stop();
    const known = (await rootsOf(lubeck)).map(({ serial }) => serial);
    const issued = await until(
      'another authority signs',
      async () => {
        const made = await issue(lubeck, { subject: 'user:anna' });
        return known.includes(made.root) ? notYet(made.root) : made;
      },
      nextAuthorityWithinMs,
    );
    await bergen.restart();
    await until('bergen takes what the new one signed', async () => {
      const code = await outcome(bergen, shownBy(issued, await authorities(bergen)));
      return code === 'CERTIFICATE_UNTRUSTED' ? notYet(code) : true;
    });
  });
});

test('no request fails while leaves and authorities change', async () => {
  await until(
    'the first authority has left',
    async () => {
      const roots = await rootsOf(lubeck);
      const isOver = !roots.some(({ serial }) => begun.includes(serial));
      return isOver || notYet(roots.map(({ state }) => state));
    },
    nextAuthorityWithinMs,
  );
  const { sent, failures } = await traffic.end();
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(100);
  const lines = lubeck.log().split('\n');
  expect(lines.filter((line) => line.includes('certificate.renewed')).length).toBeGreaterThan(2);
});

interface Traffic {
  end(): Promise<{ readonly sent: number; readonly failures: readonly string[] }>;
}

/** As an honest client: it looks for the bundle at the hint, and renews before the end. */
async function beginTraffic(cluster: Cluster): Promise<Traffic> {
  const ending = new AbortController();
  const failures: string[] = [];
  let sent = 0;
  let person = await issue(cluster, { subject: 'user:anna' });
  let ca = person.authorities;
  const look = async (): Promise<void> => {
    const asked = { path: '/.well-known/spiffe-bundle' };
    const { body } = await askByTls<SpiffeBundle>(cluster.url, shownBy(person, ca), asked);
    expect(body.spiffe_refresh_hint).toBe(2);
    ca = body.keys.map(({ x5c }) => pem(x5c[0] ?? '')).join('');
    person = await issue(cluster, { subject: 'user:anna' });
  };
  const each = async (everyMs: number, work: () => Promise<void>): Promise<void> => {
    while (!ending.signal.aborted) {
      await work().catch((error: unknown) => failures.push(String(error)));
      await new Promise((resolve) => {
        setTimeout(resolve, everyMs); // leaves the machine to the other tests
      });
    }
  };
  const request = async (): Promise<void> => {
    const code = await outcome(cluster, shownBy(person, ca));
    sent += 1;
    if (code !== 'OK') {
      failures.push(code);
    }
  };
  const running = Promise.all([each(500, look), each(20, request), each(20, request)]);
  return {
    async end() {
      ending.abort();
      await running;
      return { sent, failures };
    },
  };
}

function pem(body: string): string {
  return `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
}
