// A process that speaks multicast DNS on every network of its machine, as the cluster of a given
// number, and says on its output whom it hears. It ends with its input.
import { createNodeCrypto } from '@hansa/crypto-node';
import { silentLog } from '@hansa/foundation';
import { createMdnsNetwork } from '../drivers/discovery-mdns/index.ts';
import { createSystemClock } from '../drivers/system-node/index.ts';
import { clusterOf, nodeOf } from './test-cluster.ts';

const [, , number = '1', host = '0.0.0.0'] = process.argv;
const crypto = createNodeCrypto();
const ours = { cluster: clusterOf(crypto, Number(number)), node: nodeOf(crypto, Number(number)) };
const stop = new AbortController();
const network = createMdnsNetwork({ host, clock: createSystemClock(), log: silentLog });
process.stdin.on('end', () => stop.abort()).resume();
await network.run(
  {
    word: () => ({ ...ours, counter: 1, port: 4_433 }),
    heard({ cluster, address }) {
      if (cluster !== ours.cluster) {
        process.stdout.write(`${number} heard ${cluster} at ${address}\n`);
      }
    },
  },
  stop.signal,
);
