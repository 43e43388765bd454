// Tokens issued, revoked, received and honoured. The keys sign, the store remembers; no text of an
// issued token is kept anywhere.
import {
  type ClusterId,
  HansaError,
  type KeyValueStore,
  nameLengthMax,
  reportOf,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import {
  honouredMax,
  presentedPerPeerMax,
  receivedMax,
  tokenTtlDefaultMs,
  type Honoured,
  type ReceivedRow,
  type Tokens,
} from './contract.ts';
import { audienceOf, issuing, makingOf, type IssuingNeeds } from './issuing.ts';
import type { HonouredRecord, ReceivedRecord, TokenTables } from './keys.ts';
import { attenuateToken } from './making.ts';
import { requireHolder } from './peer-service.ts';
import type { Presenting } from './presenting.ts';
import { saidBy, usableReport } from './said.ts';
import { requireGrantable } from './who.ts';

export interface TokensServiceNeeds extends IssuingNeeds {
  readonly store: KeyValueStore;
  readonly tables: TokenTables;
  readonly received: WatchedTable<ReceivedRecord>;
  readonly honoured: WatchedTable<HonouredRecord>;
  readonly presenting: Presenting;
}

export function createTokens(needs: TokensServiceNeeds): Tokens {
  return {
    ...issuing(needs),
    ...receiving(needs),
    ...honouring(needs),
    async check({ token }) {
      const said = saidBy(token, { here: needs.signer.cluster, nameOf: nameIn(needs) });
      try {
        needs.judge.verify(token);
        return usableReport(said, needs.clock.now());
      } catch (error) {
        return { ...said, usable: false, problem: reportOf(error) };
      }
    },
  };
}

function receiving(
  needs: TokensServiceNeeds,
): Pick<Tokens, 'add' | 'received' | 'forget' | 'delegate'> {
  const { store, log, signer, peers, tables, received, judge } = needs;
  const held = (jti: string): ReceivedRecord => receivedToken(received, jti);
  return {
    async add({ token: text, to }) {
      const token = judge.verifyForeign(text);
      requireHolder(token, signer.cluster);
      const presentTo = to === undefined ? token.root : peers.resolve(to).cluster;
      if (presentTo === signer.cluster) {
        throw new HansaError('INPUT_INVALID', 'this cluster shows no token to itself', {
          fix: 'name the cluster that it is for: --to <peer>',
        });
      }
      requireRoom(needs, presentTo, token.jti);
      const record: ReceivedRecord = {
        jti: token.jti,
        text,
        issuer: token.issuer,
        presentTo,
        caps: token.caps,
        expiresMs: token.expiresMs,
      };
      const { revision } = await store.batchWrite([tables.received.put([token.jti], record)]);
      await received.reached(revision);
      log.event('token.received', { jti: token.jti, presentTo });
      return shownRow(needs, record);
    },
    received: async () => ({
      tokens: [...received.rows.values()].map(({ value }) => shownRow(needs, value)),
    }),
    async forget({ jti }) {
      held(jti);
      const { revision } = await store.batchWrite([tables.received.delete([jti])]);
      await received.reached(revision);
      return { jti };
    },
    async delegate(
      { jti, caps, ttlMs = tokenTtlDefaultMs, delegable = false, facts = [], ...to },
      call,
    ) {
      const { text, expiresMs: endMs } = held(jti);
      requireGrantable(needs, caps, call);
      const nowMs = needs.clock.now();
      const audience = audienceOf(needs, to.audience);
      const made = attenuateToken(makingOf(needs), text, {
        subject: audience.join(', ').slice(0, nameLengthMax),
        audience,
        caps,
        nowMs,
        expiresMs: Math.min(nowMs + ttlMs, endMs),
        delegable,
        facts,
      });
      log.event('token.delegated', { jti: made.jti, parent: jti });
      return {
        token: made.text,
        jti: made.jti,
        audience,
        caps,
        expiresMs: made.expiresMs,
        delegable,
      };
    },
  };
}

function receivedToken(received: WatchedTable<ReceivedRecord>, jti: string): ReceivedRecord {
  const record = received.find(jti)?.value;
  if (record === undefined) {
    throw new HansaError('TOKEN_NOT_FOUND', `no token ${jti} was received`, {
      fix: 'hansa token received',
    });
  }
  return record;
}

export function receivedText(received: WatchedTable<ReceivedRecord>, jti: string): string {
  return receivedToken(received, jti).text;
}

function requireRoom(
  { received, clock }: TokensServiceNeeds,
  presentTo: ClusterId,
  jti: string,
): void {
  const others = [...received.rows.values()]
    .map(({ value }) => value)
    .filter((one) => one.jti !== jti && one.expiresMs > clock.now());
  const same = others.filter((one) => one.presentTo === presentTo);
  if (others.length >= receivedMax || same.length >= presentedPerPeerMax) {
    throw new HansaError(
      'STORE_LIMIT',
      `at most ${presentedPerPeerMax} tokens are kept for one cluster, ${receivedMax} in all`,
      { fix: 'hansa token received, then: hansa token forget <id>' },
    );
  }
}

function shownRow({ peers, presenting }: TokensServiceNeeds, record: ReceivedRecord): ReceivedRow {
  const { text: _text, ...row } = record;
  const presentToName = peers.standing(record.presentTo).name;
  const verdict = presenting.verdict(record.jti);
  return {
    ...row,
    ...(presentToName === undefined ? {} : { presentToName }),
    ...(verdict === undefined ? {} : { taken: verdict.taken }),
    ...(verdict?.problem === undefined ? {} : { problem: verdict.problem }),
  };
}

function honouring(needs: TokensServiceNeeds): Pick<Tokens, 'honour' | 'dishonour' | 'honoured'> {
  const { store, log, signer, peers, tables, honoured } = needs;
  return {
    async honour({ peer, caps }, call) {
      const { cluster } = peers.resolve(peer);
      requireGrantable(needs, caps, call);
      if (cluster === signer.cluster) {
        throw new HansaError('INPUT_INVALID', 'this cluster’s own tokens count here anyway');
      }
      if (honoured.find(cluster) === undefined && honoured.rows.size >= honouredMax) {
        throw new HansaError('STORE_LIMIT', `tokens of at most ${honouredMax} clusters count here`);
      }
      const record = { cluster, caps: [...new Set(caps)] };
      const { revision } = await store.batchWrite([tables.honoured.put([cluster], record)]);
      await honoured.reached(revision);
      log.event('token.honoured', { cluster });
      return honouredRow(peers, record);
    },
    async dishonour({ peer }) {
      const known = [...honoured.rows.values()].find(({ value }) => value.cluster === peer);
      const cluster = known?.value.cluster ?? peers.resolve(peer).cluster;
      if (honoured.find(cluster) === undefined) {
        throw new HansaError('TOKEN_NOT_FOUND', `tokens of ${peer} do not count here anyway`, {
          fix: 'hansa token honoured',
        });
      }
      const { revision } = await store.batchWrite([tables.honoured.delete([cluster])]);
      await honoured.reached(revision);
      log.event('token.dishonoured', { cluster });
      return { cluster };
    },
    honoured: async () => ({
      clusters: [...honoured.rows.values()].map(({ value }) => honouredRow(peers, value)),
    }),
  };
}

function honouredRow(peers: Peers, record: HonouredRecord): Honoured {
  const { name } = peers.standing(record.cluster);
  return { ...record, ...(name === undefined ? {} : { name }) };
}

function nameIn({ signer, peers }: TokensServiceNeeds): (cluster: ClusterId) => string | undefined {
  return (cluster) => (cluster === signer.cluster ? signer.name : peers.standing(cluster).name);
}
