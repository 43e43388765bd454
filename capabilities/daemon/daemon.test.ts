import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, HansaError, localId, reportOf } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { noMirrors } from '../../testkit/no-mirrors.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf, nodeOf } from '../../testkit/test-cluster.ts';
import type { Link } from '../links/contract.ts';
import type { ShownRule } from '../policies/contract.ts';
import type { Mirror } from '../sync/contract.ts';
import { daemonContract, type Daemon } from './contract.ts';
import { daemonSuite } from './daemon.suite.ts';
import { createDaemon } from './service.ts';

const crypto = createNodeCrypto();
const lubeck = clusterOf(crypto, 1);
const bergen = clusterOf(crypto, 11);
let stops = 0;

const link: Link = {
  peer: bergen,
  name: 'bergen',
  status: 'stalled',
  reason: 'no beat for 7 s',
  mine: true,
  theirs: true,
  epoch: 1,
  checkWords: '',
  confirmedHere: true,
  confirmedThere: true,
  endpoints: [],
  labels: {},
  createdMs: 0,
};
const rule: ShownRule = {
  id: 'r-1',
  effect: 'allow',
  resources: {},
  peers: { public: true },
  verbs: ['see'],
  createdMs: 0,
};
const mirror: Mirror = {
  resource: federatedId(bergen, localId('git', 'tools')),
  owner: bergen,
  ownerName: 'bergen',
  kind: 'git',
  name: 'tools',
  state: 'current',
  applied: { epoch: 1, sequence: 12, digest: '', appliedMs: 0 },
  fetchedBlobs: 0,
  fetchedBytes: 0,
  addedMs: 0,
};

async function make(): Promise<Daemon> {
  const clock = createHandClock();
  const bench = createResourceBench();
  const store = createMemoryStore({ clock });
  const full = reportOf(new HansaError('STORE_FULL', 'etcd is over its quota'));
  const daemon = createDaemon({
    clock,
    store: { status: async () => ({ ...(await store.status()), problem: full }) },
    resources: await bench.openWith('hansa'),
    identity: {
      show: async () => ({
        cluster: lubeck,
        name: 'lubeck',
        node: nodeOf(crypto, 2),
        createdMs: 0,
        keyIndex: 0,
        nextKeyHash: '',
        federation: 'off',
        warnings: [reportOf(new HansaError('IDENTITY_TWICE', 'bergen meets it in 2 processes'))],
        problem: reportOf(new HansaError('KEY_MALFORMED', 'the key is not a key')),
      }),
    },
    links: {
      list: async () => ({ links: [link, { ...link, name: 'visby', status: 'closed' }] }),
    },
    policies: { list: async () => ({ rules: [rule] }) },
    trust: {
      list: async () => ({ judgements: [{ cluster: bergen, level: 'blocked', note: '' }] }),
      requests: async () => ({ requests: [] }),
    },
    warnings: () => [reportOf(new HansaError('RESOURCE_REWOUND', 'git/tools is rewound'))],
    mirrors: { ...noMirrors, all: () => [mirror] },
    facts: {
      version: '1.2.3',
      pid: 4_711,
      data: 'data',
      settings: [{ name: 'name', value: 'lubeck', source: 'flag', description: 'a label' }],
      api: () => 'http://127.0.0.1:1',
      addresses: () => ['127.0.0.1:4100'],
      memoryBytes: () => 1_024,
      stop: () => {
        stops += 1;
      },
    },
  });
  clock.advance(3_000);
  return daemon;
}

roads<Daemon>(daemonContract, make).forEach((road) => daemonSuite(road, () => stops));
