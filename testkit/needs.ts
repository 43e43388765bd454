// What a test needs of the machine besides Node, and how to get it:
// `describe.skipIf(!requires('git').available)('…', …)`. scripts/test.mjs tells at the end what was
// skipped for want of what. With HANSA_REQUIRE=all (or names joined by commas) a missing need fails
// instead.
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';

export interface Need {
  readonly available: boolean;
  /** Why it is not available; empty where it is. */
  readonly reason: string;
  /** The one command that provides it. */
  readonly install: string;
}

interface Probe {
  readonly command: readonly [program: string, ...args: string[]];
  readonly otherwise: string;
  readonly install: string;
}

const probeTimeoutMs = 5_000; // a program that does not answer by then is as good as none

const probes = {
  git: {
    command: ['git', '--version'],
    otherwise: 'the git program is not on the PATH',
    install: 'apt-get install git',
  },
  python3: {
    command: ['python3', '--version'],
    otherwise: 'the python3 program is not on the PATH',
    install: 'apt-get install python3',
  },
  etcd: {
    command: ['etcd', '--version'],
    otherwise: 'the etcd program is not on the PATH',
    install: 'apt-get install etcd-server',
  },
  openssl: {
    command: ['openssl', 'version'],
    otherwise: 'the openssl program is not on the PATH',
    install: 'apt-get install openssl',
  },
  // A network of one's own, for tests that cut and slow it.
  netns: {
    command: ['unshare', '--user', '--map-root-user', '--net', 'true'],
    otherwise: 'this user may not make a network namespace',
    install: 'apt-get install util-linux && sysctl -w kernel.unprivileged_userns_clone=1',
  },
  root: {
    command: ['sh', '-c', 'test "$(id -u)" = 0'],
    otherwise: 'this user is not root, who alone may mount, and look into another process',
    install: 'sudo npm test',
  },
  nft: {
    command: ['nft', '--version'],
    otherwise: 'the nft program is not on the PATH',
    install: 'apt-get install nftables',
  },
  tbf: {
    command: [
      'unshare',
      '--user',
      '--map-root-user',
      '--net',
      'tc',
      ...'qdisc add dev lo root tbf rate 1mbit burst 16kb latency 50ms'.split(' '),
    ],
    otherwise: 'this machine cannot hold a network to a rate',
    install: 'apt-get install iproute2',
  },
  strace: {
    command: ['strace', '-V'],
    otherwise: 'the strace program is not on the PATH',
    install: 'apt-get install strace',
  },
  faketime: {
    command: ['sh', '-c', 'ls /usr/lib/*/faketime/libfaketimeMT.so.1'],
    otherwise: 'libfaketime is not here',
    install: 'apt-get install libfaketime',
  },
  // A disk in a file.
  image: {
    command: ['sh', '-c', 'mkfs.ext4 -V && losetup --find'],
    otherwise: 'this machine cannot make a disk of a file',
    install: 'apt-get install e2fsprogs mount',
  },
} as const satisfies Record<string, Probe>;

export type NeedName = keyof typeof probes;

export function requires(name: NeedName): Need {
  const { command, otherwise, install }: Probe = probes[name];
  const [program, ...args] = command;
  const { status } = spawnSync(program, args, { stdio: 'ignore', timeout: probeTimeoutMs });
  if (status === 0) {
    return { available: true, reason: '', install };
  }
  if (isDemanded(name)) {
    throw new Error(`${otherwise}, and HANSA_REQUIRE demands it: ${install}`);
  }
  tellTheRunner(name, otherwise, install);
  return { available: false, reason: otherwise, install };
}

function isDemanded(name: NeedName): boolean {
  const demanded = (process.env['HANSA_REQUIRE'] ?? '').split(',');
  return demanded.includes('all') || demanded.includes(name);
}

/** Tests run in processes of their own; the runner reads this file when they have ended. */
function tellTheRunner(name: NeedName, reason: string, install: string): void {
  const file = process.env['HANSA_MISSING_FILE'];
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify({ name, reason, install })}\n`);
  }
}
