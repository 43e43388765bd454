// Tokens issued, revoked, received and honoured. The keys sign, the store remembers; no text of an
// issued token is kept anywhere.
import {
  type Call,
  type Clock,
  type ClusterId,
  type Crypto,
  HansaError,
  type KeyValueStore,
  type Log,
  nameLengthMax,
  parseScope,
  type Random,
  reportOf,
  type WatchedTable,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { linkOf, readChain, requireWithin, usableReport } from './chain.ts';
import {
  honouredMax,
  issuedPageMax,
  originsMax,
  presentedPerPeerMax,
  receivedMax,
  tokenTtlDefaultMs,
  type Honoured,
  type IssueRequest,
  type TokenHolder,
  type ReceivedRow,
  type TokenCaller,
  type Tokens,
} from './contract.ts';
import type { Judge } from './judge.ts';
import { isIssuer } from './jws.ts';
import type { HonouredRecord, IssuedRecord, ReceivedRecord, TokenTables } from './keys.ts';
import { attenuateToken, mintToken, type Making } from './making.ts';
import { requireHolder } from './peer-service.ts';
import type { Presenting } from './presenting.ts';
import type { Ledger } from './revoking.ts';

export interface TokensServiceNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly tables: TokenTables;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly received: WatchedTable<ReceivedRecord>;
  readonly honoured: WatchedTable<HonouredRecord>;
  readonly ledger: Ledger;
  readonly judge: Judge;
  readonly presenting: Presenting;
}

export function createTokens(needs: TokensServiceNeeds): Tokens {
  return {
    ...issuing(needs),
    ...receiving(needs),
    ...honouring(needs),
    async check({ token }) {
      const chain = readChain(token).map(linkOf);
      try {
        needs.judge.verify(token);
        return usableReport(chain, needs.clock.now());
      } catch (error) {
        return { chain, usable: false, problem: reportOf(error) };
      }
    },
  };
}

function issuing(
  needs: TokensServiceNeeds,
): Pick<Tokens, 'issue' | 'list' | 'revoke' | 'revocations'> {
  const { clock, log, ledger, issued, judge } = needs;
  return {
    async issue(request, call) {
      const nowMs = clock.now();
      const audience = audienceOf(needs, request.audience);
      const { caps, delegable = false, ttlMs = tokenTtlDefaultMs } = request;
      const by = tokenCaller(call);
      requireOwn(by, caps);
      const wish = {
        subject: request.subject ?? audience.join(', ').slice(0, nameLengthMax),
        audience,
        caps: [...new Set(caps)],
        nowMs,
        expiresMs: Math.min(nowMs + ttlMs, by?.expiresMs ?? Number.MAX_SAFE_INTEGER),
        delegable,
        facts: request.facts ?? [],
      };
      const { text, jti, expiresMs } = mintToken(makingOf(needs), wish);
      await ledger.issue({
        jti,
        subject: wish.subject,
        audience,
        caps: wish.caps,
        issuedMs: nowMs,
        expiresMs,
        delegable,
        via: originOf(needs, by),
      });
      log.event('token.issued', { jti, subject: wish.subject, expiresMs });
      return { token: text, jti, audience, caps: wish.caps, expiresMs, delegable };
    },
    async list({ after = '' }) {
      const nowMs = clock.now();
      const rows = [...issued.rows.values()]
        .map(({ value }) => value)
        .filter(({ jti, expiresMs }) => expiresMs > nowMs && jti > after)
        .toSorted((a, b) => (a.jti < b.jti ? -1 : 1));
      const tokens = rows.slice(0, issuedPageMax).map(({ via: _via, ...row }) => ({
        ...row,
        revoked: judge.isRevoked(row.jti),
      }));
      return { tokens, more: rows.length > issuedPageMax };
    },
    async revoke({ jti }) {
      const revoked = await ledger.revoke(jti);
      log.event('token.revoked', { jti, more: revoked.alsoRevoked.length });
      return revoked;
    },
    revocations: async () => ({ revocations: judge.revocations() }),
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
      requireOwn(tokenCaller(call), caps);
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
      requireOwn(tokenCaller(call), caps);
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

export function makingOf({
  crypto,
  random,
  signer,
}: {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly signer: Signer;
}): Making {
  const signing = {
    issuer: `cluster:${signer.cluster}` as const,
    sign: (message: Uint8Array) => signer.sign(message),
  };
  return { crypto, random, signing };
}

function audienceOf(
  { peers }: TokensServiceNeeds,
  spelled: IssueRequest['audience'],
): readonly TokenHolder[] {
  const named = spelled.map((one): TokenHolder =>
    one === 'bearer' || isIssuer(one) ? one : `cluster:${peers.resolve(one).cluster}`,
  );
  return [...new Set(named)];
}

function tokenCaller(call: Call | undefined): TokenCaller | undefined {
  return call?.caller?.kind === 'token' ? call.caller : undefined;
}

/** The token that somebody came with, all that it descends from, and what those were issued by. */
function originOf({ issued }: TokensServiceNeeds, by: TokenCaller | undefined): readonly string[] {
  const chain = by?.chain ?? [];
  const origin = [...chain, ...chain.flatMap((jti) => issued.find(jti)?.value.via ?? [])];
  if (origin.length > originsMax) {
    throw new HansaError('TOKEN_TOO_DEEP', 'too many tokens were issued by way of one another', {
      facts: { originsMax },
    });
  }
  return origin;
}

/** The owner may give anything; who came with a token, what that one has. */
function requireOwn(by: TokenCaller | undefined, caps: readonly string[]): void {
  const scopes = caps.map(parseScope);
  const outer = by === undefined ? 'all' : by.scopes.map(parseScope);
  requireWithin(outer, { claims: { caps }, scopes }, 'the scopes of the token you came with');
}
