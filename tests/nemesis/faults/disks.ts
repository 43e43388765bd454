// Disks that are full, fail, are slow, or lose what they never wrote.
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, trackProcess } from '../../black-box/harness/processes.ts';
import { run } from '../../black-box/harness/run.ts';
import { until } from '../../black-box/harness/until.ts';
import type { NodeProcess } from '../world/node-process.ts';
import type { World } from '../world/world.ts';
import type { Arena, Fault, Wrong } from './fault.ts';

function ownerOf(world: World): NodeProcess {
  const [owner] = world.owner.nodes;
  if (owner === undefined) {
    throw new Error('the owner has no nodes');
  }
  return owner;
}

/** A node that ended by the fault is started when the fault is over. */
async function revive(node: NodeProcess): Promise<void> {
  if (!node.isRunning) {
    await node.start();
  }
}

export const fullDisk: Fault = {
  name: 'full-disk',
  about: 'not a byte left on the owner’s disk, and then room again',
  needs: ['netns'],
  shape: { disk: 'small' },
  holdMs: [1_000, 4_000],
  strike({ world }) {
    const node = ownerOf(world);
    const ballast = join(node.data, '..', 'ballast');
    fill(ballast);
    return Promise.resolve({
      what: `filled the disk of ${node.name}`,
      async heal() {
        rmSync(ballast, { force: true });
        await revive(node);
      },
    });
  },
};

/** Large pieces first, then smaller ones, until not even a byte fits. */
function fill(file: string): void {
  const handle = openSync(file, 'w');
  try {
    for (
      let pieceBytes = 1_024 * 1_024;
      pieceBytes >= 1;
      pieceBytes = Math.floor(pieceBytes / 16)
    ) {
      const piece = new Uint8Array(pieceBytes);
      while (writes(handle, piece)) {
        // until it is full
      }
    }
  } finally {
    closeSync(handle);
  }
}

function writes(handle: number, piece: Uint8Array): boolean {
  try {
    return writeSync(handle, piece) === piece.length;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOSPC') {
      return false;
    }
    throw error;
  }
}

/** Attaches to a running node; its system calls are as told until it is detached again. */
async function inject(node: NodeProcess, what: string): Promise<() => Promise<void>> {
  const calls = 'fsync,fdatasync,msync,sync_file_range';
  const words = ['-f', '-q', '-o', '/dev/null', '-e', `trace=${calls}`, '-p', String(node.pid)];
  const child = spawn('strace', [...words, '-e', `inject=${calls}:${what}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  trackProcess(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return async () => {
    if (child.exitCode !== null && node.isRunning) {
      throw new Error(`strace ended by itself: ${said}`);
    }
    // It lets go of what it holds, and only then ends.
    await endProcess(child, 'SIGINT');
  };
}

function injecting(
  { name, about, after }: Pick<Fault, 'name' | 'about'> & { readonly after: 'restart' | 'nothing' },
  what: (arena: Arena) => string,
): Fault {
  return {
    name,
    about,
    needs: ['strace', 'root'],
    shape: {},
    holdMs: [500, 4_000],
    async strike(arena): Promise<Wrong> {
      const node = arena.random.pick(arena.world.nodes);
      const chosen = what(arena);
      const detach = await inject(node, chosen);
      return {
        what: `${node.name}: ${chosen}`,
        async heal() {
          await detach();
          // A store that could not sync believes nothing until it is opened again, as it says.
          await (after === 'restart' && node.isRunning ? node.stop() : undefined);
          await revive(node);
        },
      };
    },
  };
}

export const failingSync: Fault = injecting(
  {
    name: 'fsync-error',
    about: 'fsync answers that it failed, every time or now and then, and the node is started anew',
    after: 'restart',
  },
  ({ random }) => `error=EIO:when=${random.pick(['1+', '2+3', '5+7'])}`,
);

export const slowSync: Fault = injecting(
  { name: 'fsync-slow', about: 'fsync takes 50 to 500 ms longer', after: 'nothing' },
  ({ random }) => `delay_enter=${Math.round(random.between(50, 500))}ms`,
);

export const powerCut: Fault = {
  name: 'power-cut',
  about: 'the owner goes on with what its disk held at a moment, and nothing that was only cached',
  needs: ['image', 'root'],
  shape: { disk: 'image' },
  holdMs: [0, 200],
  async strike({ world }) {
    const node = ownerOf(world);
    const copy = join(world.folder, node.name, `cut-${Date.now()}.img`);
    node.pause(); // whoever is stopped promises nothing while the disk is copied
    await copyImage(world.imageOf(node), copy);
    await node.kill();
    return {
      what: `cut the power of ${node.name}`,
      async heal() {
        await world.replaceImage(node, copy);
        await node.start();
      },
    };
  },
};

/** As it was at one moment: again where the system has written to it meanwhile. */
async function copyImage(image: string, copy: string): Promise<void> {
  await until('the disk holds still while it is copied', async () => {
    const before = statSync(image).mtimeMs;
    const done = await run('cp', ['--sparse=always', image, copy], { cwd: '/' });
    if (done.code !== 0) {
      throw new Error(done.stderr);
    }
    return statSync(image).mtimeMs === before;
  });
}
