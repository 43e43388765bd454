// T2: a request of 128 bytes and its answer between two linked clusters, beside the same over a
// bare TLS 1.3 socket between two processes of Node.
import { join } from 'node:path';
import {
  brief,
  compare,
  median,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { startAsked } from './asked.ts';
import { quantile, startDataPair } from './data-rig.ts';
import { certificateFiles } from './nats-rig.ts';
import type { TlsEcho } from './tls-echo.ts';

const requestsPerRound = 2_000;
const script = join(import.meta.dirname, 'tls-echo.ts');

export const benchmark: Benchmark = {
  id: 'T2',
  title:
    'Request and reply across a link (goal: p50 within 3 times bare TLS, a ratio of 0.33; ' +
    'p99 ≤ 5 ms).',
  async run({ rounds }): Promise<BenchmarkResult> {
    const pair = await startDataPair();
    const { key, certificate } = certificateFiles(pair.folder);
    const server = await startAsked<TlsEcho>(script, [key, certificate]);
    const client = await startAsked<TlsEcho>(script, [key, certificate]);
    const late: Record<'ours' | 'theirs' | 'control' | 'controlHalf', number[]> = {
      ours: [],
      theirs: [],
      control: [],
      controlHalf: [],
    };
    try {
      await client.node.connect(await server.node.listen());
      const compared = await compare({
        rounds,
        better: 'lower',
        async ours() {
          const took = await pair.bergen.ask('lubeck', requestsPerRound, 'state');
          late.ours.push(quantile(took, 0.99));
          return quantile(took, 0.5);
        },
        async peer() {
          const took = await client.node.ask(requestsPerRound);
          late.theirs.push(quantile(took, 0.99));
          const control = await pair.bergen.ask('lubeck', requestsPerRound, 'control');
          late.control.push(quantile(control, 0.99));
          late.controlHalf.push(quantile(control, 0.5));
          return quantile(took, 0.5);
        },
      });
      return {
        ...compared,
        unit: 'ms p50',
        peerName: `a bare TLS 1.3 echo of Node ${process.version}, two processes`,
        notes: [
          ...compared.notes,
          `p99, median of the rounds: ours ${brief(median(late.ours))} ms, bare TLS ` +
            `${brief(median(late.theirs))} ms`,
          `${requestsPerRound} requests of 128 B a round, one after the other: what a mirror ` +
            `asks of an owner, decided by policy, over the link until its plane is up`,
          `over the link’s own control stream, which never leaves it: p50 ` +
            `${brief(median(late.controlHalf))} ms, p99 ${brief(median(late.control))} ms`,
        ],
      };
    } finally {
      await Promise.all([server.kill(), client.kill()]);
      await pair.close();
    }
  },
};
