// Parties that meet again and again: each enters, goes on when all are there, and leaves.
import { barrierContract } from '@hansa/capabilities/barriers/contract';
import {
  parties,
  type EnterHeard,
  type LeaveHeard,
  type MeetAsked,
} from '../../../../testkit/nemesis/coordination/barriers.ts';
import { askingFor, whileOn, type ClientNeeds } from '../client.ts';
import { pause, ttlSeconds, untilAnswered, waitMs } from './told.ts';

const barrier = 'meeting';
const restMs = 300; // between two meetings

/** As one participant, `parties` of whom have to run. */
export async function meet(needs: ClientNeeds): Promise<void> {
  const { name: participant } = needs;
  const barriers = askingFor(needs, barrierContract);
  let turn = 0;
  await whileOn(needs, async () => {
    turn += 1;
    const value: MeetAsked = { participant, turn };
    const entered = await untilAnswered(
      needs,
      { operation: 'enter', key: barrier, value },
      async () =>
        barriers.write(async (service): Promise<EnterHeard> => {
          const asked = { barrier, participant, parties, ttlSeconds, waitMs };
          return { generation: (await service.enter(asked)).generation, ttlSeconds };
        }),
    );
    if (entered === undefined) {
      return;
    }
    await untilAnswered(needs, { operation: 'leave', key: barrier, value }, () =>
      barriers.write(async (service): Promise<LeaveHeard> => {
        const { remaining } = await service.leave({ barrier, participant, waitMs });
        return { remaining };
      }),
    );
    await pause(needs, restMs);
  });
}
