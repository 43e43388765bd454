// What must fail, and how it is caught: forbidden pushes, a flipped byte, a peer that stops.
import {
  openSync,
  closeSync,
  readSync,
  writeSync,
  existsSync,
  readdirSync,
  rmSync,
  writeFileSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { require, until } from './failure.ts';
import { headOnLubeck, type LinkRow, type MirrorRow, type Stage } from './federation.ts';
import { begin, passed, say, showCommand, showOutput } from './narrator.ts';
import { author } from './source.ts';

export async function pushToMirror(stage: Stage): Promise<void> {
  begin('A push to the mirror is refused');
  const clone = join(stage.options.home, 'demo', 'clone-from-bergen');
  const pushed = await stage.shell.git(
    clone,
    ...stage.gitLogin,
    'push',
    stage.mirrorUrl,
    'HEAD:refs/heads/mine',
  );
  showOutput(pushed.stderr.trim());
  require(pushed.code !== 0, 'bergen took a push to a mirror');
  require(pushed.stderr.includes('read-only mirror of'), 'the refusal does not say why');
  passed('git itself shows the reason');
}

export async function pushByBergen({ shell, options }: Stage): Promise<void> {
  begin('bergen offers lubeck a lane of its own all the same; the rule is read-only');
  const mirror = `lubeck:${options.repositoryName}`;
  const refused = await shell.hansaFailing('bergen', 'sync', 'push', mirror);
  require(refused.code === 'POLICY_DENIED', `refused with ${refused.code} instead`);
  passed('refused at lubeck, which owns it, and the rule is named');
}

export async function flippedByte(stage: Stage): Promise<void> {
  begin('One byte of a stored pack flips on lubeck’s disk');
  const { shell, options } = stage;
  const mirror = `lubeck:${options.repositoryName}`;
  const blobs = join(stage.cluster('lubeck').data, 'blobs');
  const before = new Set(filesBelow(blobs));
  say('bergen is paused for a moment, so that the byte can flip before the pack travels.');
  showCommand(`kill -STOP ${stage.cluster('bergen').process.pid}`);
  stage.cluster('bergen').pause();
  try {
    await commitOnLubeck(stage, 'A change whose pack gets damaged');
    const pack = filesBelow(blobs).find((file) => !before.has(file));
    require(pack !== undefined, 'lubeck stored no new pack');
    flip(pack);
    showOutput(`flipped one byte of ${pack}`);
    showCommand(`kill -CONT ${stage.cluster('bergen').process.pid}`);
    stage.cluster('bergen').resume();
    const refused = await until('bergen refuses the damaged pack', 60_000, async () => {
      const row = (await shell.look('bergen', 'mirror', 'show', mirror)) as MirrorRow;
      return row.state === 'refused' ? row : undefined;
    });
    showOutput(`${refused.lastError?.message ?? ''} [${refused.lastError?.code ?? ''}]`);
    require(refused.lastError?.code === 'BLOB_CORRUPT', 'the refusal does not name the blob');
    passed('bergen refused it, named it, and kept serving what it had');
    flip(pack);
    say('The byte is put back:');
  } finally {
    stage.cluster('bergen').resume();
  }
  await shell.hansa('bergen', 'sync', 'now', mirror);
  await caughtUp(stage);
  passed('the sync completed; nothing that had arrived was fetched again');
}

export async function stoppedPeer(stage: Stage): Promise<void> {
  begin('lubeck stops answering: bergen serves on, and the link says so');
  const { shell } = stage;
  const lubeck = stage.cluster('lubeck');
  showCommand(`kill -STOP ${lubeck.process.pid}`);
  lubeck.pause();
  try {
    const folder = join(stage.options.home, 'demo', 'clone-while-lubeck-is-away');
    rmSync(folder, { recursive: true, force: true });
    const cloned = await shell.git(
      process.cwd(),
      ...stage.gitLogin,
      'clone',
      '--quiet',
      stage.mirrorUrl,
      folder,
    );
    require(cloned.code === 0, `bergen does not serve alone: ${cloned.stderr.trim()}`);
    passed('bergen serves its verified copy without lubeck');
    const startedMs = Date.now();
    const link = await until('the link turns stalled', 12_000, async () => {
      const row = (await shell.look('bergen', 'link', 'show', 'lubeck')) as LinkRow & {
        reason?: string;
      };
      return row.status === 'stalled' ? row : undefined;
    });
    const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1);
    showOutput(`status ${link.status}: ${link.reason ?? ''} (noticed after ${seconds} s)`);
    passed('the socket is still open; the status is not fooled by it');
  } finally {
    showCommand(`kill -CONT ${lubeck.process.pid}`);
    lubeck.resume();
  }
  await commitOnLubeck(stage, 'A change made after lubeck came back');
  await caughtUp(stage);
  await until('the link is live again', 30_000, async () => {
    const row = (await shell.look('bergen', 'link', 'show', 'lubeck')) as LinkRow;
    return ['live', 'idle'].includes(row.status) ? row : undefined;
  });
  passed('on return the link is live, and bergen has caught up');
}

/** A commit made in a working copy and pushed to lubeck with stock git. */
async function commitOnLubeck(stage: Stage, message: string): Promise<void> {
  const { shell, workFolder } = stage;
  if (!existsSync(join(workFolder, '.git'))) {
    const cloned = await shell.quietGit(
      process.cwd(),
      ...stage.gitLogin,
      'clone',
      '--quiet',
      stage.ownUrl,
      workFolder,
    );
    require(cloned.code === 0, `git clone from lubeck failed: ${cloned.stderr.trim()}`);
  }
  await shell.quietGit(workFolder, ...stage.gitLogin, 'fetch', '--quiet', stage.ownUrl, 'main');
  await shell.quietGit(workFolder, 'reset', '--quiet', '--hard', 'FETCH_HEAD');
  writeFileSync(
    join(workFolder, 'hansa-demonstration.txt'),
    `${message}, ${new Date().toISOString()}\n`,
  );
  await shell.quietGit(workFolder, 'add', '.');
  const made = await shell.quietGit(
    workFolder,
    ...author,
    'commit',
    '--quiet',
    '--message',
    message,
  );
  require(made.code === 0, `git commit failed: ${made.stderr.trim()}`);
  const pushed = await shell.git(
    workFolder,
    ...stage.gitLogin,
    'push',
    '--quiet',
    stage.ownUrl,
    'HEAD:refs/heads/main',
  );
  require(pushed.code === 0, `git push failed: ${pushed.stderr.trim()}`);
}

async function caughtUp(stage: Stage): Promise<void> {
  const head = await headOnLubeck(stage);
  const mirror = `lubeck:${stage.options.repositoryName}`;
  const row = await until('bergen catches up', 60_000, async () => {
    const seen = (await stage.shell.look('bergen', 'mirror', 'show', mirror)) as MirrorRow;
    return seen.state === 'current' && (seen.applied?.sequence ?? 0) >= head ? seen : undefined;
  });
  showOutput(`bergen: state ${row.state}, applied ${row.applied?.sequence} of ${head}`);
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) {
    return [];
  }
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Flips the lowest bit of the middle byte; doing it twice undoes it. */
function flip(file: string): void {
  const at = Math.floor(statSync(file).size / 2);
  const handle = openSync(file, 'r+');
  const byte = new Uint8Array(1);
  readSync(handle, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(handle, byte, 0, 1, at);
  closeSync(handle);
}
