import {
  clusterIdSchema,
  federatedId,
  fromUtf8,
  laneId,
  laneTarget,
  remote,
  utf8,
  type ClusterId,
  type LocalId,
} from '@hansa/foundation';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  callerOf,
  carrierTo,
  clusterOf,
  linked,
  nodeOf,
  settled,
} from '../../testkit/test-cluster.ts';
import type { MirrorFreeze, Mirror } from '../sync/contract.ts';
import { conflictWarnings } from './conflicts.ts';
import { lanesMax } from './contract.ts';
import { createLanePeer, keepPromoting } from './receiving.ts';
import { lanePeerContract } from './wire.ts';
import { createLaneWriting, keepOffering } from './writing.ts';

import {
  bergen,
  crypto,
  found,
  lane,
  local,
  lubeck,
  resource,
  type Cluster,
} from './world.suite.ts';

let clusters: Map<ClusterId, Cluster>;
let owner: Cluster;
let writer: Cluster;
let ending: AbortController;

beforeEach(async () => {
  clusters = new Map();
  owner = await found(1, 'lubeck', clusters);
  writer = await found(11, 'bergen', clusters);
  clusters.set(lubeck, owner).set(bergen, writer);
  const served = [{ contract: lanePeerContract, service: createLanePeer(owner.parts) }];
  const road = carrierTo(served, callerOf(bergen, nodeOf(crypto, 12)));
  writer.peers.set(linked(lubeck, 'lubeck'), road);
  owner.peers.set(linked(bergen, 'bergen'));
  await owner.resources.create({ kind: 'note', name: 'shared' });
  ending = new AbortController();
  return () => ending.abort();
});

const write = (at: Cluster, id: LocalId, key: string, text: string): Promise<unknown> =>
  at.resources.append(id, [{ put: { key: utf8(key), value: utf8(text), blobs: [] } }], {
    author: 'a test',
  });

async function readOwn(key: string): Promise<string | undefined> {
  const entry = await owner.resources.entry(local, utf8(key));
  return entry === undefined ? undefined : fromUtf8(entry.value);
}

async function taken(): Promise<void> {
  owner.rules.add('see').add('push');
  await writer.lanes.push({ resource: 'lubeck:shared' });
  void keepPromoting(owner.parts, ending.signal);
}

describe('a lane', () => {
  test('has a name that follows from what it is for, and that leads back to it', () => {
    expect(laneId(resource)).toBe(`note/@${lubeck}/shared`);
    expect(laneTarget(laneId(resource))).toBe(resource);
    expect(laneTarget(local)).toBeUndefined();
  });

  test('is refused with the reason where no rule allows a push, and nothing is held', async () => {
    owner.rules.add('see');
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'POLICY_DENIED',
      message: 'push refused: no rule allows it',
    });
    expect((await owner.lanes.list({})).lanes).toEqual([]);
    expect((await writer.lanes.list({})).lanes).toMatchObject([{ side: 'ours', state: 'refused' }]);
  });

  test('for what may not be seen is refused as if there were nothing', async () => {
    owner.rules.add('push');
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    });
  });

  test('is taken and promoted; what it brings is the owner’s own change', async () => {
    await taken();
    await write(writer, laneId(resource), 'greeting', 'hello');
    owner.tell();
    await settled(async () => (await readOwn('greeting')) === 'hello');
    await settled(async () => (await owner.lanes.list({})).lanes[0]?.promoted !== undefined);
    expect((await writer.lanes.show({ lane: 'lubeck:shared' })).promoted).toBeDefined();
  });

  test('that is offered again, however often, is the one that was taken, and changes nothing', async () => {
    await taken();
    await write(writer, laneId(resource), 'greeting', 'hello');
    owner.tell();
    await settled(async () => (await owner.lanes.list({})).lanes[0]?.promoted !== undefined);
    const [before] = (await owner.lanes.list({})).lanes;
    // What it brought is superseded by the owner's own word.
    await owner.resources.append(local, [{ delete: { key: utf8('greeting') } }], { author: 'ada' });
    await owner.resources.append(
      local,
      [{ put: { key: utf8('reply'), value: utf8('hi'), blobs: [] } }],
      { author: 'ada' },
    );
    const position = await owner.resources.position(local);
    const peer = remote(lanePeerContract, writer.peers.carrier(lubeck));
    const answers = await Promise.all(Array.from({ length: 20 }, () => peer.offer({ resource })));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await owner.lanes.list({})).lanes).toEqual([before]);
    expect(await owner.resources.position(local)).toEqual(position);
    owner.rules.clear();
    await expect(peer.offer({ resource })).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect((await owner.lanes.list({})).lanes).toMatchObject([{ promoted: before?.promoted }]);
    expect(await owner.resources.position(local)).toEqual(position);
  });

  test('is LANES_FULL where there are as many as may be, also of those who ask at once', async () => {
    const { store, tables, received } = owner.parts;
    owner.rules.add('see').add('push');
    const rows = Array.from({ length: lanesMax - 1 }, (_, at) => {
      const other = clusterIdSchema.parse((at + 1).toString(16).padStart(64, '0'));
      return { lane: federatedId(other, laneId(resource)), resource: local, addedMs: 1 };
    });
    for (let at = 0; at < rows.length; at += store.limits.transactionOpsMax) {
      const some = rows.slice(at, at + store.limits.transactionOpsMax);
      const { revision } = await store.batchWrite(
        some.map((row) => tables.received.put([row.lane], row)),
      );
      await received.reached(revision);
    }
    const service = createLanePeer(owner.parts);
    const offer = (byte: number) => {
      const caller = callerOf(clusterOf(crypto, byte), nodeOf(crypto, byte + 1));
      const served = [{ contract: lanePeerContract, service }];
      return remote(lanePeerContract, carrierTo(served, caller)).offer({ resource });
    };
    const ends = await Promise.allSettled([31, 33, 35].map((byte) => offer(byte)));
    expect(ends).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'LANES_FULL' } },
      { status: 'rejected', reason: { code: 'LANES_FULL' } },
    ]);
    expect(received.rows.size).toBe(lanesMax);
    await expect(offer(31)).resolves.toMatchObject({ conflicts: 0 });
    await owner.lanes.remove({ lane: rows[0]?.lane ?? '' });
    await expect(offer(33)).resolves.toMatchObject({ conflicts: 0 });
  });

  test('is not promoted any more once the rule is gone, and says why', async () => {
    await taken();
    owner.rules.delete('push');
    await write(writer, laneId(resource), 'late', 'too late');
    owner.tell();
    await settled(
      async () => (await owner.lanes.list({})).lanes[0]?.lastError?.code === 'POLICY_DENIED',
    );
    expect(await readOwn('late')).toBeUndefined();
  });

  test('that was refused is offered again when something changes there', async () => {
    await expect(writer.lanes.push({ resource: 'lubeck:shared' })).rejects.toThrow('there is no');
    owner.rules.add('see').add('push');
    void keepOffering(writer.parts, ending.signal);
    await settled(async () => (await writer.lanes.list({})).lanes[0]?.state === 'taken');
  });

  test.each<[string, MirrorFreeze, object]>([
    [
      'until when it is kept',
      { sinceMs: 0, purgeAtMs: 86_400_000 },
      {
        message:
          'nothing is written: lubeck does not share note/shared any more; ' +
          'it is deleted here at 1970-01-02 00:00:00 UTC',
        facts: { purgeAtMs: 86_400_000 },
      },
    ],
    [
      'that it is retained',
      { sinceMs: 0, retained: 'evidence' },
      {
        message:
          'nothing is written: lubeck does not share note/shared any more; ' +
          'it is retained here, to be read',
        fix: 'ask lubeck to share it again',
      },
    ],
  ])(
    'is not written for what its owner has withdrawn: the refusal says %s',
    async (_what, frozen, error) => {
      await taken();
      const mirror = { state: 'frozen', ownerName: 'lubeck', frozen } as Mirror;
      vi.spyOn(writer.parts.mirrors, 'find').mockReturnValue(mirror);
      const opening = createLaneWriting(writer.parts).open(resource);
      await expect(opening).rejects.toMatchObject({ code: 'MIRROR_FROZEN', ...error });
    },
  );

  test('is given up by either side', async () => {
    await taken();
    await owner.lanes.remove({ lane: 'bergen:shared' });
    expect((await owner.lanes.list({})).lanes).toEqual([]);
    await writer.lanes.remove({ lane: lane });
    expect(writer.resources.find(laneId(resource))).toBeUndefined();
  });

  test('of a kind that one cluster alone can write is refused', async () => {
    const alone = await found(21, 'visby', clusters);
    alone.parts.kinds.clear();
    await expect(alone.lanes.push({ resource: 'lubeck:shared' })).rejects.toMatchObject({
      code: 'LANES_UNSUPPORTED',
    });
  });
});

describe('a conflict', () => {
  const open = async (): Promise<string> => {
    await write(owner, local, 'colour', 'red');
    await taken();
    await write(writer, laneId(resource), 'colour', 'blue');
    owner.tell();
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 1);
    const [conflict] = (await owner.lanes.conflicts({})).conflicts;
    expect(conflict).toMatchObject({
      key: 'colour',
      ours: { author: 'lubeck', shown: 'red' },
      theirs: { author: 'bergen', shown: 'blue' },
    });
    return conflict?.id ?? '';
  };

  test('that is decided for them takes their side and is gone', async () => {
    await owner.lanes.resolve({ id: await open(), take: 'theirs' });
    expect(await readOwn('colour')).toBe('blue');
    expect((await owner.lanes.conflicts({})).conflicts).toEqual([]);
  });

  test('that is decided for us stays decided until they write again', async () => {
    const id = await open();
    await owner.lanes.resolve({ id, take: 'ours' });
    owner.tell();
    expect((await owner.lanes.conflicts({})).conflicts).toEqual([]);
    expect(await readOwn('colour')).toBe('red');
    await write(writer, laneId(resource), 'colour', 'green');
    owner.tell();
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 1);
    expect((await owner.lanes.conflicts({})).conflicts[0]?.id).toBe(id);
  });

  test('is told to both sides as the state of the lane, until it is decided', async () => {
    const id = await open();
    const inConflict = { state: 'in-conflict', conflicts: 1 };
    const seen = async () => [
      await writer.lanes.show({ lane: 'lubeck:shared' }),
      (await writer.lanes.list({})).lanes[0],
      (await owner.lanes.list({})).lanes[0],
    ];
    expect(await seen()).toMatchObject([inConflict, inConflict, inConflict]);
    expect(createLaneWriting(writer.parts).taken(resource)).toBe(true);
    await owner.lanes.resolve({ id, take: 'theirs' });
    const decided = { state: 'taken', conflicts: 0 };
    expect(await seen()).toMatchObject([decided, decided, decided]);
  });

  test('is told at the owner as something to look at, and no more once it is decided', async () => {
    const id = await open();
    expect(conflictWarnings(owner.parts)).toEqual([
      {
        code: 'CONFLICT',
        message: '1 open conflict(s) of note/shared wait for somebody to decide',
        fix: 'hansa conflict list --resource note/shared',
      },
    ]);
    expect(conflictWarnings(writer.parts)).toEqual([]);
    await owner.lanes.resolve({ id, take: 'ours' });
    expect(conflictWarnings(owner.parts)).toEqual([]);
  });

  test('that nobody has is not found', async () => {
    await expect(owner.lanes.resolve({ id: 'c-0', take: 'ours' })).rejects.toMatchObject({
      code: 'CONFLICT_NOT_FOUND',
    });
  });

  test('goes by itself when our side becomes theirs', async () => {
    await open();
    await write(owner, local, 'colour', 'blue');
    await settled(async () => (await owner.lanes.conflicts({})).conflicts.length === 0);
  });
});
