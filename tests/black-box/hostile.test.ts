// A peer that lies, in every way that its place gives it, over real sockets: nothing of it is
// applied, the right code says why, the blame lands where it belongs, and an honest peer beside it
// is unharmed.
import { randomBytes } from 'node:crypto';
import type { Link } from '@hansa/capabilities/links/contract';
import type { Quarantine } from '@hansa/capabilities/quarantine/contract';
import type { Head } from '@hansa/capabilities/resources/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  manifestId,
  toHex,
  utf8,
  type BlobId,
  type FederatedId,
} from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import type { WrittenHistory } from '../../testkit/written-history.ts';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { showMirror } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';
import { hostileOwner, put, telling, type HostileOwner, type Lies } from './rooms/hostile-owner.ts';
import { startHonestPair, type HonestPair } from './rooms/honest-pair.ts';

const crypto = createNodeCrypto();

let honest: HonestPair;
let bergen: Cluster;
let hostiles = 0;

beforeAll(async () => {
  honest = await startHonestPair();
  ({ bergen } = honest);
}, 60_000);

/** A new one for every lie: what one has on its record must not be another's. */
async function meetHostile(): Promise<HostileOwner> {
  hostiles += 1;
  return hostileOwner(bergen, `riga-${hostiles}`, 10 + hostiles);
}

async function mirror(resource: FederatedId): Promise<void> {
  const { status, text } = await bergen.api('POST', '/mirrors', { resource });
  if (status >= 300) {
    throw new Error(`not mirrored: ${text}`);
  }
}

function untilShown(
  resource: FederatedId,
  state: Mirror['state'],
  code: string | undefined,
): Promise<Mirror> {
  return until(`${resource} is ${state} with ${code ?? 'no error'}`, async () => {
    const shown = await showMirror(bergen, resource);
    return shown.state === state && shown.lastError?.code === code ? shown : notYet(shown);
  });
}

async function evidenceOf(name: string): Promise<Quarantine> {
  return (await bergen.api<Quarantine>('GET', `/quarantines/${name}`)).body;
}

const trueHead = (history: WrittenHistory): Lies => ({
  follow: telling(
    () => history.changes,
    () => history.head(),
  ),
  head: () => history.head(),
});

interface Lie {
  readonly lie: string;
  readonly code: string;
  readonly answersAs: 'deliverer' | 'owner' | undefined;
  readonly state?: Mirror['state'];
  /** The true history is told first, and applied. */
  readonly appliedBefore?: boolean;
  readonly epoch?: number;
  tell(history: WrittenHistory, hostile: HostileOwner): Lies;
}

function lyingHead(history: WrittenHistory, head: () => Head): Lies {
  return { follow: telling(() => history.changes, head), head: () => history.head() };
}

function reference(sizeBytes: number): {
  readonly id: BlobId;
  readonly sizeBytes: number;
  readonly manifest: BlobId;
} {
  return {
    id: toHex(randomBytes(32)) as BlobId,
    sizeBytes,
    manifest: toHex(randomBytes(32)) as BlobId,
  };
}

const lies: readonly Lie[] = [
  {
    lie: 'a head whose signature is stripped',
    code: 'HEAD_INVALID',
    answersAs: 'deliverer',
    tell: (history) => {
      const head = history.head();
      const tick = { ...head.tick, signature: new Uint8Array(64) };
      return lyingHead(history, () => ({ ...head, tick }));
    },
  },
  {
    lie: 'a head that somebody else has signed',
    code: 'HEAD_INVALID',
    answersAs: 'deliverer',
    tell: (history) => lyingHead(history, () => history.head({}, 5)),
  },
  {
    lie: 'the head of another resource',
    code: 'HEAD_INVALID',
    answersAs: 'deliverer',
    tell(history, hostile) {
      const other = hostile.space('other');
      other.write([put(other, 'a')]);
      return lyingHead(history, () => other.head());
    },
  },
  {
    lie: 'a history with a gap',
    code: 'CHANGE_GAP',
    answersAs: 'deliverer',
    tell(history) {
      history.write([put(history, 'b')]);
      history.write([put(history, 'c')]);
      const gapped = history.changes.filter((_, index) => index !== 1);
      return {
        ...trueHead(history),
        follow: telling(
          () => gapped,
          () => history.head(),
        ),
      };
    },
  },
  {
    lie: 'a chain that is not that of the changes',
    code: 'CHANGE_INVALID',
    answersAs: 'owner',
    tell: (history) => lyingHead(history, () => history.head({ chain: randomBytes(32) })),
  },
  {
    lie: 'a digest that is not that of the entries',
    code: 'DIGEST_MISMATCH',
    answersAs: 'owner',
    tell: (history) => lyingHead(history, () => history.head({ digest: randomBytes(32) })),
  },
  {
    lie: 'a change that is none of its kind, under a true signature',
    code: 'CHANGE_INVALID',
    answersAs: 'owner',
    tell(history) {
      history.write([{ put: { key: utf8('?'), value: utf8('no cell'), blobs: [] } }]);
      return trueHead(history);
    },
  },
  {
    lie: 'a head from the future',
    code: 'CLOCK_AHEAD',
    answersAs: undefined,
    tell: (history) => lyingHead(history, () => history.head({ hlc: [Date.now() + 120_000, 0] })),
  },
  {
    lie: 'a blob of a gibibyte under a manifest that nobody signed',
    code: 'BLOB_CORRUPT',
    answersAs: 'deliverer',
    tell(history, { blobs }) {
      const sizeBytes = 1_024 * 1_024 * 1_024;
      history.write([put(history, 'b', { blobs: [reference(sizeBytes)] })]);
      blobs.manifest = async () => ({ sizeBytes, chunks: randomBytes(32 * 1_024) });
      return trueHead(history);
    },
  },
  {
    lie: 'bytes that are not those of the blob',
    code: 'BLOB_CORRUPT',
    answersAs: 'deliverer',
    tell(history, { blobs }) {
      const id = toHex(crypto.hash(utf8('true'))) as BlobId;
      const sizeBytes = 4;
      const manifest = manifestOf({ id, sizeBytes });
      history.write([put(history, 'b', { blobs: [{ id, sizeBytes, manifest }] })]);
      blobs.contents = async function* contents() {
        yield [{ blob: id, bytes: utf8('lies') }];
      };
      return trueHead(history);
    },
  },
  {
    lie: 'a batch without end',
    code: 'CHANGE_TOO_LARGE',
    answersAs: 'deliverer',
    tell: (history) => ({
      head: () => history.head(),
      async *follow() {
        for (let sent = 0; ; sent += 1) {
          const value = new Uint8Array(200 * 1_024);
          const op = { put: { key: utf8(String(sent)), value, blobs: [] } };
          const hlc = [1_000, 0] as const;
          const change = { epoch: 1, previous: 10 + sent, ops: [op], hlc, author: 'riga' };
          yield { change: { sequence: 11 + sent, change } };
        }
      },
    }),
  },
  {
    lie: 'a snapshot that is not what its head says',
    code: 'DIGEST_MISMATCH',
    answersAs: 'owner',
    tell(history) {
      const [first] = history.changes[0]?.change.ops ?? [];
      const entry =
        first !== undefined && 'put' in first ? { ...first.put, version: 7 } : undefined;
      return {
        head: () => history.head(),
        // eslint-disable-next-line require-yield -- a stream that ends before its first item
        async *follow() {
          throw new HansaError('HISTORY_COMPACTED', 'all of it is gone');
        },
        pin: async () => ({ head: history.head() }),
        entries: async () => ({ entries: entry === undefined ? [] : [entry], more: false }),
      };
    },
  },
  {
    lie: 'a second history after the first',
    code: 'HEAD_FORKED',
    answersAs: 'owner',
    state: 'halted',
    appliedBefore: true,
    tell(_history, hostile) {
      const other = hostile.space('space');
      other.write([put(other, 'a', { text: 'other' })]);
      return {
        head: () => other.head(),
        follow: telling(
          () => [],
          () => other.head(),
        ),
      };
    },
  },
  {
    lie: 'an epoch that goes back',
    code: 'HEAD_REWOUND',
    answersAs: undefined,
    state: 'halted',
    appliedBefore: true,
    epoch: 2,
    tell(_history, hostile) {
      const before = hostile.space('space', 1);
      before.write([put(before, 'a')]);
      return {
        ...trueHead(before),
        follow: telling(
          () => [],
          () => before.head(),
        ),
      };
    },
  },
  {
    lie: 'an old head, replayed',
    code: 'HEAD_REWOUND',
    answersAs: undefined,
    state: 'halted',
    appliedBefore: true,
    tell(history) {
      const old = history.head({ sequence: 11 });
      return {
        head: () => old,
        follow: telling(
          () => [],
          () => old,
        ),
      };
    },
  },
];

function manifestOf({
  id,
  sizeBytes,
}: {
  readonly id: BlobId;
  readonly sizeBytes: number;
}): BlobId {
  return manifestId(crypto, { id, sizeBytes }, [id]);
}

describe('nothing of a lie is applied, and who lied is named', () => {
  test.each(lies)('$lie: $code', async (given) => {
    const { code, answersAs, state = 'refused', appliedBefore, epoch, tell } = given;
    const hostile = await meetHostile();
    const history = hostile.space('space', epoch);
    const { resource } = history;
    history.write([put(history, 'a')]);
    let applied: Mirror | undefined;
    if (appliedBefore === true) {
      let told: Lies = trueHead(history);
      hostile.lie(resource, { head: () => told.head(), follow: (at) => told.follow(at) });
      await mirror(resource);
      applied = await untilShown(resource, 'current', undefined);
      told = tell(history, hostile);
      await bergen.api('POST', '/mirrors/now', { resource, waitMs: 0 });
    } else {
      hostile.lie(resource, tell(history, hostile));
      await mirror(resource);
    }
    const shown = await untilShown(resource, state, code);
    expect(shown.applied).toEqual(applied?.applied);
    if (answersAs === undefined) {
      expect((await bergen.api('GET', `/quarantines/${hostile.name}`)).status).toBe(404);
    } else {
      const incidents = await until('the blame is written down', async () => {
        const found = (await evidenceOf(hostile.name)).incidents ?? [];
        return found.length > 0 && found;
      });
      expect(incidents[0]).toMatchObject({ resource, answersAs, error: { code } });
    }
    await must(bergen, 'mirror', 'remove', resource, '--yes');
  });

  test('the honest peer is unharmed beside all of it, and memory did not follow what was claimed', async () => {
    await honest.requireUnharmed();
  });
});

describe('a peer that lies about three resources', () => {
  test('is quarantined: nothing more is pulled from it, it is shown why, and it can be lifted', async () => {
    const hostile = await meetHostile();
    const spaces = ['a', 'b', 'c', 'good'].map((name) => hostile.space(name));
    for (const history of spaces) {
      history.write([put(history, 'key')]);
      const isGood = history === spaces[3];
      const lie = lyingHead(history, () => history.head({ digest: randomBytes(32) }));
      hostile.lie(history.resource, isGood ? trueHead(history) : lie);
    }
    const [first, , , good] = spaces.map(({ resource }) => resource);
    if (first === undefined || good === undefined) {
      throw new Error('there are four spaces');
    }
    await mirror(good);
    await untilShown(good, 'current', undefined);
    for (const { resource } of spaces.slice(0, 3)) {
      await mirror(resource);
    }
    await untilShown(first, 'waiting', 'PEER_QUARANTINED');
    await untilShown(good, 'waiting', 'PEER_QUARANTINED');
    expect((await evidenceOf(hostile.name)).state).toBe('quarantined');
    const { body } = await bergen.api<Link>('GET', `/links/${hostile.name}`);
    expect(body.reason).toContain('quarantined until');
    // Lifted while it goes on lying, it would be quarantined again before anything is pulled.
    for (const { resource } of spaces.slice(0, 3)) {
      await must(bergen, 'mirror', 'remove', resource, '--yes');
    }
    await must(bergen, 'quarantine', 'lift', hostile.name, '--yes');
    await untilShown(good, 'current', undefined);
  });
});
