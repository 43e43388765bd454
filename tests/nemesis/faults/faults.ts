// Every fault that strikes while clients work, by its name.
import { clock } from './clocks.ts';
import { failingSync, fullDisk, powerCut, slowSync } from './disks.ts';
import type { Fault } from './fault.ts';
import {
  activeKilled,
  activePaused,
  drained,
  etcdHung,
  etcdMinority,
  leadersKilled,
  rolling,
} from './nodes.ts';
import { activeAlone, activeCut, activeCutFromEtcd, etcdLeaderCut } from './partitions.ts';
import { bridge, flapping, latency, loss, partition, rate } from './network.ts';
import { kill, killAll, pause, restart } from './processes.ts';

const partitions = [activeCut, activeCutFromEtcd, activeAlone, etcdLeaderCut] as const;

export const faults: readonly Fault[] = [
  kill,
  killAll,
  pause,
  restart,
  partition,
  bridge,
  flapping,
  loss,
  latency,
  rate,
  clock,
  fullDisk,
  failingSync,
  slowSync,
  powerCut,
  activeKilled,
  activePaused,
  leadersKilled,
  etcdHung,
  etcdMinority,
  rolling,
  drained,
  ...partitions,
];

/** Those under which clients coordinate as well: what happens to several nodes and their store. */
export const coordinated: readonly Fault[] = [
  activeKilled,
  activePaused,
  leadersKilled,
  etcdHung,
  drained,
  ...partitions,
];
