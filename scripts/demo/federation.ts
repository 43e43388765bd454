// The happy path: three clusters, two links, one repository shared with one of them.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { launchCluster, names, type Cluster, type Name } from './clusters.ts';
import { require, until } from './failure.ts';
import { begin, passed, say, showOutput } from './narrator.ts';
import type { DemoOptions } from './options.ts';
import type { Shell } from './shell.ts';

export interface Stage {
  readonly options: DemoOptions;
  readonly shell: Shell;
  readonly clusters: ReadonlyMap<Name, Cluster>;
  cluster(name: Name): Cluster;
  /** Of the repository, on lubeck. */
  readonly ownUrl: string;
  /** Of bergen's mirror. */
  readonly mirrorUrl: string;
  /** Words before git's verb, so that it finds the owner token by itself. */
  readonly gitLogin: readonly string[];
  readonly workFolder: string;
}

export interface LinkRow {
  readonly name: string;
  readonly status: string;
  readonly checkWords: string;
  readonly confirmedHere: boolean;
}

export interface MirrorRow {
  readonly state: string;
  readonly applied?: { readonly sequence: number };
  readonly headSequence?: number;
  readonly lastError?: { readonly code: string; readonly message: string };
}

export async function startAll(options: DemoOptions, started: Map<Name, Cluster>): Promise<void> {
  begin('Three sovereign clusters start, each with its own key, ports and data folder');
  for (const name of names) {
    started.set(name, launchCluster(options, name));
  }
  for (const { name, url, data, ready } of started.values()) {
    await ready();
    say(`${name.padEnd(7)} ${url}   data in ${data}`);
  }
  passed('three processes, three keys');
}

export async function showIdentities({ shell }: Stage): Promise<void> {
  for (const name of names) {
    const status = (await shell.look(name, 'status')) as { cluster: string };
    say(`${name.padEnd(7)} cluster id ${status.cluster}`);
  }
}

export async function linkTo({ shell }: Stage, other: Name): Promise<void> {
  begin(`lubeck and ${other} link: a single-use token, and check words on both sides`);
  const before = (await shell.look('lubeck', 'link', 'list')) as { links: LinkRow[] };
  if (before.links.some((link) => link.name === other && link.status !== 'closed')) {
    passed(`they are linked since an earlier start`);
    return;
  }
  const invitation = (await shell.hansa('lubeck', 'link', 'invite')) as { token: string };
  showOutput(`${invitation.token.slice(0, 60)}…`);
  const accepted = (await shell.hansa(other, 'link', 'accept', invitation.token)) as {
    link: LinkRow;
  };
  const there = (await shell.look('lubeck', 'link', 'show', other)) as LinkRow;
  showOutput(`${other}: ${accepted.link.checkWords}\nlubeck: ${there.checkWords}`);
  require(accepted.link.checkWords ===
    there.checkWords, 'the check words of the two sides differ: somebody is in between');
  say('Two people compare the words; a stolen token would show others. Both sides confirm:');
  await shell.hansa(other, 'link', 'confirm', 'lubeck', '--words', there.checkWords);
  await shell.hansa('lubeck', 'link', 'confirm', other, '--words', accepted.link.checkWords);
  await until(`the link to ${other} is live`, 15_000, async () => {
    const link = (await shell.look('lubeck', 'link', 'show', other)) as LinkRow;
    return ['live', 'idle'].includes(link.status) ? link : undefined;
  });
  passed(`lubeck ⇄ ${other} is live; so far it shares nothing`);
}

export async function pushRepository(stage: Stage, source: string): Promise<void> {
  const { shell, options, ownUrl } = stage;
  begin(`A repository on lubeck, pushed with stock git from ${source}`);
  const { repositories } = (await shell.look('lubeck', 'repo', 'list')) as {
    repositories: { name: string; role: string }[];
  };
  if (!repositories.some(({ name, role }) => name === options.repositoryName && role === 'own')) {
    await shell.hansa('lubeck', 'repo', 'create', options.repositoryName);
  }
  const pushed = await shell.git(
    source,
    ...stage.gitLogin,
    'push',
    ownUrl,
    '+HEAD:refs/heads/main',
    '--tags',
  );
  require(pushed.code === 0, `git push failed: ${pushed.stderr.trim()}`);
  showOutput(pushed.stderr.trim().split('\n').slice(-2).join('\n'));
  passed('acknowledged after it was durable: the pack is a blob, the refs one signed change');
}

export async function shareWithBergen({ shell, options }: Stage): Promise<void> {
  begin('lubeck shares it read-only with bergen, and with nobody else');
  const name = options.repositoryName;
  const { rules } = (await shell.look('lubeck', 'share', 'list')) as {
    rules: { resources: { name?: string } }[];
  };
  if (!rules.some((rule) => rule.resources.name === name)) {
    say('What would that change? The plan asks the same code that enforces:');
    const plan = await shell.hansa('lubeck', 'share', 'add', name, '--to', 'bergen', '--plan');
    showOutput(planText(plan));
    await shell.hansa('lubeck', 'share', 'add', name, '--to', 'bergen');
  }
  passed('bergen may see and pull; visby may nothing');
}

function planText(plan: unknown): string {
  const { rows } = plan as {
    rows: { change: string; peerName: string; resource: string; verbs: string[] }[];
  };
  return rows
    .map(
      ({ change, peerName, resource, verbs }) =>
        `${peerName} ${change} ${verbs.join(', ')} on ${resource}`,
    )
    .join('\n');
}

export async function mirrorOnBergen(stage: Stage): Promise<void> {
  const { shell, options } = stage;
  begin('bergen mirrors it: signed head, changes, blobs; verified, then applied');
  const mirror = `lubeck:${options.repositoryName}`;
  const { mirrors } = (await shell.look('bergen', 'mirror', 'list')) as {
    mirrors: { name: string }[];
  };
  if (!mirrors.some(({ name }) => name === options.repositoryName)) {
    await shell.hansa('bergen', 'mirror', 'add', mirror);
  }
  const head = await headOnLubeck(stage);
  const applied = await until('bergen has applied the signed head', 120_000, async () => {
    const row = (await shell.look('bergen', 'mirror', 'show', mirror)) as MirrorRow;
    return row.state === 'current' && (row.applied?.sequence ?? 0) >= head ? row : undefined;
  });
  showOutput(`state ${applied.state}, applied ${applied.applied?.sequence} of ${head}`);
  passed('bergen holds exactly what lubeck signed');
}

export async function headOnLubeck({ shell, options }: Stage): Promise<number> {
  const shown = (await shell.look('lubeck', 'repo', 'show', options.repositoryName)) as {
    sequence: number;
  };
  return shown.sequence;
}

export async function cloneFromBergen(stage: Stage, source: string): Promise<void> {
  begin('Stock git clones it from bergen');
  const { shell, mirrorUrl } = stage;
  const folder = join(stage.options.home, 'demo', 'clone-from-bergen');
  rmSync(folder, { recursive: true, force: true });
  const cloned = await shell.git(
    process.cwd(),
    ...stage.gitLogin,
    'clone',
    '--quiet',
    mirrorUrl,
    folder,
  );
  require(cloned.code === 0 && existsSync(folder), `git clone failed: ${cloned.stderr.trim()}`);
  const here = await shell.quietGit(folder, 'rev-parse', 'HEAD');
  const there = await shell.quietGit(source, 'rev-parse', 'HEAD');
  showOutput(`source ${there.stdout.trim()}\nclone  ${here.stdout.trim()}`);
  require(here.stdout === there.stdout, 'the clone is not the source');
  const checked = await shell.quietGit(folder, 'fsck', '--full');
  require(checked.code === 0, `git fsck complains: ${checked.stderr.trim()}`);
  passed('the same commit, and git fsck --full is clean');
}

export async function hiddenFromVisby({ shell, options }: Stage): Promise<void> {
  begin('visby is linked as well, and sees nothing of it');
  const { items } = (await shell.hansa('visby', 'catalog', 'list', '--peer', 'lubeck')) as {
    items: { kind: string }[];
  };
  showOutput(`${items.length} resources`);
  const repositories = items.filter(({ kind }) => kind === 'git');
  require(repositories.length === 0, 'visby sees what was not shared with it');
  say('Not even by its exact name; an unknown name is answered the same way:');
  const hidden = await shell.hansaFailing(
    'visby',
    'mirror',
    'add',
    `lubeck:${options.repositoryName}`,
  );
  const unknown = await shell.hansaFailing(
    'visby',
    'mirror',
    'add',
    'lubeck:there-is-no-such-thing',
  );
  require(hidden.code === unknown.code, 'an unshared name is answered unlike an unknown one');
  await shell.hansa('lubeck', 'why', 'visby', 'see', `git/${options.repositoryName}`);
  passed('absent, not forbidden: visby cannot tell that it exists');
}
