// The side that took tokens back: tells linked clusters, each what concerns it, for as long as they
// listen.
import {
  callingCluster,
  changedKeys,
  HansaError,
  type ClusterId,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { followsPerPeerMax, type Revocation } from './contract.ts';
import type { IssuedRecord } from './keys.ts';
import { clustersAmong, speakerOf } from './speaking.ts';
import { toldPerItemMax, type RevocationsPeer } from './wire.ts';

export interface SpreadingNeeds {
  readonly peers: Pick<Peers, 'standing'>;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly revoked: WatchedTable<Revocation>;
}

type Told = Pick<Revocation, 'jti' | 'untilMs'>;

const everything = 'everything';

export function createRevocationsPeer(needs: SpreadingNeeds): RevocationsPeer {
  const { peers, revoked } = needs;
  const streams = new Map<ClusterId, number>();
  const enter = (peer: ClusterId): (() => void) => {
    const open = streams.get(peer) ?? 0;
    if (open >= followsPerPeerMax) {
      throw new HansaError('RATE_LIMITED', 'revocations are followed over too many streams');
    }
    streams.set(peer, open + 1);
    return () => {
      const left = (streams.get(peer) ?? 1) - 1;
      void (left === 0 ? streams.delete(peer) : streams.set(peer, left));
    };
  };
  return {
    async *follow(_input, call) {
      const peer = callingCluster(call);
      if (!peers.standing(peer).active) {
        throw new HansaError('LINK_NOT_FOUND', 'there is no link between us');
      }
      const leave = enter(peer);
      const changes = changedKeys<string>(
        (tell) => revoked.subscribe((key) => tell(idIn(key) ?? everything)),
        call?.signal,
      );
      try {
        yield* inItems(all(needs, peer));
        for await (const id of changes) {
          const told = id === everything ? all(needs, peer) : one(needs, peer, id);
          if (told.length > 0) {
            yield* inItems(told);
          }
        }
      } finally {
        await changes.return?.();
        leave();
      }
    },
  };
}

function idIn(key: readonly unknown[] | undefined): string | undefined {
  const id = key?.[0];
  return typeof id === 'string' ? id : undefined;
}

function all(needs: SpreadingNeeds, peer: ClusterId): readonly Told[] {
  return [...needs.revoked.rows.values()].flatMap(({ value }) => concerning(needs, peer, value));
}

function one(needs: SpreadingNeeds, peer: ClusterId, jti: string): readonly Told[] {
  const found = needs.revoked.find(jti)?.value;
  return found === undefined ? [] : concerning(needs, peer, found);
}

/**
 * What speaks for somebody is good where it says, so nobody else hears of it. Others may be shown
 * to whoever honours us, which we do not know; their ids tell nothing.
 */
function concerning(
  { issued }: SpreadingNeeds,
  peer: ClusterId,
  { jti, untilMs }: Revocation,
): readonly Told[] {
  const record = issued.find(jti)?.value;
  const elsewhere =
    record !== undefined &&
    speakerOf(record.subject) !== undefined &&
    !clustersAmong(record.audience).includes(peer);
  return elsewhere ? [] : [{ jti, untilMs }];
}

/** At least one, so that whoever follows knows that it does. */
function* inItems(told: readonly Told[]): Generator<{ readonly revoked: readonly Told[] }> {
  for (let at = 0; at === 0 || at < told.length; at += toldPerItemMax) {
    yield { revoked: told.slice(at, at + toldPerItemMax) };
  }
}
