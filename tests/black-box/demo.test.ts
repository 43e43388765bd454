// `npm start`, as a person starts it: the story, a second start, and what can go wrong before it.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { StockGit } from '../../testkit/stock-git.ts';
import { startDemonstration } from './rooms/demonstration.ts';
import { freePortBase, takePort } from './rooms/free-ports.ts';
import { procIsHere, processesNaming } from './rooms/processes.ts';

const storyMs = 120_000; // it takes 20 s on an idle machine

describe.skipIf(!requires('git').available)('the demonstration', () => {
  let home: string;
  let ada: StockGit;
  let ports: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'hansa-demo-'));
    ada = await StockGit.create();
    await ada.run('.', 'init', '-q', 'source');
    await ada.commit('source', 'a', 'one\n');
    await ada.commit('source', 'b/c', 'two\n');
    ports = String(await freePortBase());
  });

  afterAll(async () => {
    await ada.remove();
    await rm(home, { recursive: true, force: true });
  });

  const leftOver = (): number[] => (procIsHere ? processesNaming(home) : []);

  test(
    'tells the whole story, exits with 0 and leaves no process',
    { timeout: storyMs },
    async () => {
      const args = ['--once', '--home', home, '--port-base', ports];
      const told = await startDemonstration(...args, '--repository', ada.path('source')).ended;
      expect(told).toMatchObject({ code: 0, err: '' });
      for (const step of [
        'three processes, three keys',
        'lubeck ⇄ bergen is live',
        'acknowledged after it was durable',
        'bergen holds exactly what lubeck signed',
        'git fsck --full is clean',
        'visby cannot tell that it exists',
        'visby sees what bergen sets, and sets nothing there itself',
        'git itself shows the reason',
        'refused at lubeck, which owns it',
        'bergen refused it, named it, and kept serving what it had',
        'the sync completed',
        'bergen serves its verified copy without lubeck',
        'on return the link is live, and bergen has caught up',
      ]) {
        expect(told.out).toContain(step);
      }
      expect(told.out).toContain('The clusters are stopped');
      const [, after = ''] = told.out.split('The clusters are stopped');
      expect(after).not.toContain('--context'); // nobody is there to be asked
      expect(leftOver()).toEqual([]);
    },
  );

  test(
    'finds everything at a second start, stays up until Ctrl-C, and then leaves no process',
    { timeout: storyMs },
    async () => {
      const args = ['--home', home, '--port-base', ports, '--repository', ada.path('source')];
      const again = startDemonstration(...args);
      await again.said('Try next');
      await again.said('The clusters stay up.');
      expect(leftOver().length).toBeGreaterThanOrEqual(3);
      again.interrupt();
      const told = await again.ended;
      expect(told).toMatchObject({ code: 0, err: '' });
      expect(told.out).toContain('Starting from what an earlier start left.');
      expect(told.out.match(/they are linked since an earlier start/g)).toHaveLength(2);
      expect(told.out).not.toMatch(/\$ npx hansa .* (?:link invite|repo create|bergen mirror add)/);
      expect(leftOver()).toEqual([]);
    },
  );

  test.each(['Three sovereign clusters start', 'lubeck and bergen link', 'bergen mirrors it'])(
    'interrupted while it tells "%s", it ends soon and leaves no process',
    { timeout: storyMs },
    async (chapter) => {
      const args = ['--home', join(home, 'interrupted'), '--port-base', ports];
      const started = startDemonstration(...args, '--repository', ada.path('source'));
      await started.said(chapter);
      started.interrupt();
      expect(await started.ended).toMatchObject({ code: 130 });
      expect(leftOver()).toEqual([]);
    },
  );

  test.each([0, 2])('names port base + %i where it is taken', async (at) => {
    const taken = await takePort(Number(ports) + at);
    try {
      const told = await startDemonstration('--once', '--home', home, '--port-base', ports).ended;
      expect(told.code).toBe(1);
      expect(told.err).toContain(String(Number(ports) + at));
      expect(told.err).toMatch(/^fix: /m);
      expect(leftOver()).toEqual([]);
    } finally {
      taken.close();
    }
  });

  test('is not deceived by another program that answers in the place of a cluster', async () => {
    const port = Number(ports) + 1;
    const other = createServer((_request, response) => response.end('{}')).listen(
      port,
      '127.0.0.1',
    );
    try {
      const told = await startDemonstration('--once', '--home', home, '--port-base', ports).ended;
      expect(told.code).toBe(1);
      expect(told.err).toContain(`bergen did not start: port ${port}`);
      expect(leftOver()).toEqual([]);
    } finally {
      other.close();
    }
  });

  test('refuses a folder that is no git repository, with a way out', async () => {
    const args = ['--once', '--home', home, '--port-base', ports, '--repository', home];
    const told = await startDemonstration(...args).ended;
    expect(told.code).toBe(1);
    expect(told.err).toContain(`${home} is no git repository with a commit`);
    expect(told.err).toMatch(/^fix: .*--repository PATH/m);
  });

  test('refuses a folder that is not there, and a word that is no port', async () => {
    const absent = await startDemonstration('--once', '--repository', join(home, 'nothing')).ended;
    expect(absent).toMatchObject({ code: 1 });
    expect(absent.err).toContain(`there is no folder ${join(home, 'nothing')}`);
    const word = await startDemonstration('--once', '--port-base', 'high').ended;
    expect(word).toMatchObject({ code: 2 });
    expect(word.err).toContain('--port-base is a port number');
  });
});
