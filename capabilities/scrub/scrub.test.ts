import { createMsgpackCodec } from '@hansa/codec-msgpack';
import {
  packTuple,
  silentLog,
  type DamagedRecord,
  type KeyValueStore,
  type StoreInspection,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { refusal } from '../../testkit/store-fixture.ts';
import { createBudget, scrubBytesPerSecond } from './budget.ts';
import { findingsMax, type Scrub, type ScrubPart, type ScrubReport } from './contract.ts';
import { scrubEveryMs } from './rounds.ts';
import { createScrub, type ScrubService } from './service.ts';
import { createStorePart } from './store-part.ts';

const codec = createMsgpackCodec();
let clock: HandClock;
let store: KeyValueStore;

beforeEach(() => {
  clock = createHandClock();
  store = createMemoryStore({ clock });
});

function serviceOf(...parts: readonly ScrubPart[]): ScrubService {
  return createScrub({ store, codec, clock, log: silentLog }, parts);
}

/** What is wrong, by its name, until it is put right. */
function partWith(wrong: Map<string, string | undefined>): ScrubPart {
  return {
    class: 'blobs',
    async scrub(round) {
      for (const [name, from] of wrong) {
        const isRight = round.repair && from !== undefined;
        const outcome = isRight ? { from } : { reason: 'nobody has it' };
        await round.found({ name, sentence: 'it is wrong', concerns: [], ...outcome });
      }
    },
  };
}

async function roundOf(scrub: Scrub, repair = false): Promise<ScrubReport | undefined> {
  await scrub.begin({ repair });
  let report: ScrubReport | undefined;
  for await (const said of scrub.follow({})) {
    report = said.type === 'report' ? said.report : report;
  }
  return report;
}

describe('a round', () => {
  test('reports what every class has read and found', async () => {
    const { scrub } = serviceOf({
      class: 'resources',
      async scrub(round) {
        await round.spend(1_000);
        round.looked();
        round.looked(4);
      },
    });
    const report = await roundOf(scrub);
    expect(report).toMatchObject({ repair: false, found: [] });
    expect(report?.read).toEqual([{ class: 'resources', items: 5, bytes: 1_000 }]);
    expect(await scrub.status({})).toMatchObject({ running: false, last: { repair: false } });
  });

  test('that somebody asked for is the only one', async () => {
    let end = (): void => undefined;
    const service = serviceOf({
      class: 'blobs',
      scrub: () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    });
    await service.scrub.begin({});
    await refusal(service.scrub.begin({}), 'CONFLICT');
    end();
    await service.stop();
  });

  test('that fails is told to whoever follows it, and the next one goes on', async () => {
    let fails = true;
    const { scrub } = serviceOf({
      class: 'blobs',
      async scrub() {
        if (fails) {
          throw new Error('the disk is gone');
        }
      },
    });
    await expect(roundOf(scrub)).rejects.toThrow('the disk is gone');
    fails = false;
    expect((await roundOf(scrub))?.found).toEqual([]);
  });
});

describe('a finding', () => {
  test('stays open over rounds and restarts, and is right when no round meets it any more', async () => {
    const wrong = new Map<string, string | undefined>([['one', undefined]]);
    await roundOf(serviceOf(partWith(wrong)).scrub, true);
    const service = serviceOf(partWith(wrong));
    await service.load();
    expect(service.warnings().map(({ code }) => code)).toEqual(['DATA_DAMAGED']);
    clock.advance(1_000);
    await roundOf(service.scrub, true);
    const [still] = (await service.scrub.status({})).findings;
    expect(still).toMatchObject({ name: 'one', reason: 'nobody has it' });
    expect(still?.foundMs).toBe(clock.now() - 1_000);
    wrong.clear();
    clock.advance(1_000);
    await roundOf(service.scrub, true);
    expect(service.warnings()).toEqual([]);
    expect((await service.scrub.status({})).findings[0]?.repairedMs).toBe(clock.now());
  });

  test('that was put right says from where', async () => {
    const service = serviceOf(partWith(new Map([['one', 'bergen']])));
    expect((await roundOf(service.scrub))?.found[0]?.repairedMs).toBeUndefined();
    expect((await roundOf(service.scrub, true))?.found[0]?.from).toBe('bergen');
    expect(service.warnings()).toEqual([]);
  });

  test(`is kept where there are not ${findingsMax} yet`, async () => {
    const wrong = new Map<string, string | undefined>();
    for (let index = 0; index <= findingsMax; index += 1) {
      wrong.set(String(index), undefined);
    }
    const { scrub } = serviceOf(partWith(wrong));
    expect((await roundOf(scrub))?.found).toHaveLength(findingsMax + 1);
    expect((await scrub.status({})).findings).toHaveLength(findingsMax);
  });
});

describe('by itself', () => {
  test('a round begins when the last is a week old, and gives way to one that is asked for', async () => {
    let began = 0;
    const service = serviceOf({
      class: 'blobs',
      async scrub(round) {
        began += 1;
        if (began === 1) {
          await clock.sleep(1_000_000_000, round.signal);
        }
      },
    });
    const ending = new AbortController();
    const kept = service.keep(ending.signal).catch(() => undefined);
    const pass = async (ms: number): Promise<void> => {
      clock.advance(ms);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await pass(60_000);
    expect(began).toBe(0); // it was started just now
    for (let minutes = 0; minutes < 61; minutes += 1) {
      await pass(60_000);
    }
    expect(began).toBe(1);
    const asked = roundOf(service.scrub);
    expect(await asked).toMatchObject({ found: [] });
    expect(began).toBe(2);
    await pass(scrubEveryMs - 120_000);
    expect(began).toBe(2);
    await pass(120_000);
    await pass(60_000);
    expect(began).toBe(3);
    ending.abort();
    await kept;
    await service.stop();
  });

  test('it reads no faster than its budget', async () => {
    const budget = createBudget(clock, {
      bytesPerSecond: scrubBytesPerSecond,
      signal: new AbortController().signal,
    });
    let done = false;
    const read = budget.spend(3 * scrubBytesPerSecond).then(() => {
      done = true;
    });
    clock.advance(2_900);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    clock.advance(200);
    await read;
  });
});

describe('the store’s records', () => {
  function inspectionOf(damaged: readonly DamagedRecord[], aside: Uint8Array[]): StoreInspection {
    return {
      inspect: async () => ({ records: 10, bytes: 100, damaged }),
      async setAside(record) {
        aside.push(record);
        return true;
      },
    };
  }
  const recordOf = (...parts: string[]): DamagedRecord => {
    const key = packTuple(parts);
    return { record: key, key };
  };

  test('are taken out where something else can make them again, and no others', async () => {
    const aside: Uint8Array[] = [];
    const entry = recordOf('resources', 'entry', 'kv/prices');
    const mirrored = recordOf('sync', 'entry', 'x');
    const only = recordOf('links', 'link', 'y');
    const garbled = { record: Uint8Array.of(9), key: Uint8Array.of(0xfe, 0xfe) };
    const inspection = inspectionOf([entry, mirrored, only, garbled], aside);
    const { scrub } = serviceOf(createStorePart({ store, inspection }));
    expect((await roundOf(scrub))?.found).toHaveLength(4);
    expect(aside).toEqual([]);
    const report = await roundOf(scrub, true);
    expect(aside).toEqual([entry.record, mirrored.record]);
    const left = report?.found.filter((each) => each.repairedMs === undefined);
    expect(left?.map(({ reason }) => reason)).toEqual(
      Array.from({ length: 2 }, () => 'there is no other copy: restore a backup'),
    );
  });

  test('an entry stays where the digest that would prove it is damaged too', async () => {
    const aside: Uint8Array[] = [];
    const entry = recordOf('resources', 'entry', 'kv/prices');
    const page = recordOf('resources', 'digest-page', 'kv/prices');
    const inspection = inspectionOf([entry, page], aside);
    await roundOf(serviceOf(createStorePart({ store, inspection })).scrub, true);
    expect(aside).toEqual([page.record]);
  });

  test('a hole in the history is one that nobody reads over', async () => {
    await store.set(packTuple(['a']), packTuple(['1']));
    const { revision } = await store.set(packTuple(['a']), packTuple(['2']));
    const inspection = inspectionOf([{ record: Uint8Array.of(6) }], []);
    await roundOf(serviceOf(createStorePart({ store, inspection })).scrub, true);
    expect((await store.status()).compactRevision).toBe(revision);
  });
});
