// Ties tokens to their host: what people call, what peers show, what policy, apps and the node's
// gate ask; and the duties that show received tokens and clean the lists.
import {
  capability,
  watchedTable,
  type Capability,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { createAuthority } from './authority.ts';
import type { PresentedTokens } from '../policies/contract.ts';
import { tokensContract, type TokenAuthority, type TokenChecks } from './contract.ts';
import { createJudge } from './judge.ts';
import type { KeyOf } from './jws.ts';
import { tokenTables } from './keys.ts';
import { createLapsing } from './lapsing.ts';
import { attenuateToken } from './making.ts';
import { createTokenPeer } from './peer-service.ts';
import { createPresented } from './presented.ts';
import { createPresenting } from './presenting.ts';
import { createLedger, type Ledger } from './revoking.ts';
import { createTokens, makingOf, receivedText } from './service.ts';
import { tokenPeerContract } from './wire.ts';

export { createHolder, type Holder, type HolderNeeds } from './holder.ts';

const cleanEveryMs = 3_600_000; // lists are cleaned when they are full as well

export interface TokensNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly keys: KeyBook;
}

export function tokensCapability(needs: TokensNeeds): {
  readonly capability: Capability;
  readonly presented: PresentedTokens;
  readonly authority: TokenAuthority;
  readonly checks: TokenChecks;
} {
  const { store, clock, signer, keys } = needs;
  const tables = tokenTables(store, needs.codec);
  const caches = {
    issued: watchedTable(store, tables.issued),
    revoked: watchedTable(store, tables.revoked),
    received: watchedTable(store, tables.received),
    honoured: watchedTable(store, tables.honoured),
  };
  const keyOf: KeyOf = (cluster, claim) => keys.signing(cluster, claim);
  const keyIndex = (): number => keys.present(signer.cluster).keyIndex;
  const parts = { ...needs, ...caches, tables, cluster: signer.cluster, keyOf, keyIndex };
  const judge = createJudge(parts);
  const lapsing = createLapsing({ clock, judge });
  const presented = createPresented();
  const presenting = createPresenting(parts);
  const ledger = createLedger(parts);
  const tokens = createTokens({ ...parts, judge, ledger, presenting });
  const stopping = new AbortController();
  return {
    presented,
    authority: createAuthority({ ...parts, judge, lapsing }),
    checks: {
      verify: (text) => judge.verify(text),
      inspect: (text) => judge.verifyForeign(text),
      received: (jti) => receivedText(caches.received, jti),
      pass(text, { to, caps, ttlMs, facts }) {
        const nowMs = clock.now();
        const { expiresMs, delegable, subject } = judge.verifyForeign(text);
        return attenuateToken(makingOf(needs), text, {
          subject,
          audience: [`cluster:${to}`],
          caps,
          nowMs,
          expiresMs: Math.min(nowMs + ttlMs, expiresMs),
          delegable,
          facts,
        }).text;
      },
    },
    capability: capability({
      name: tokensContract.name,
      serves: [{ contract: tokensContract, service: tokens }],
      servesPeers: [
        { contract: tokenPeerContract, service: createTokenPeer({ judge, lapsing, presented }) },
      ],
      duties: [
        { name: 'tokens.present', run: (signal) => presenting.run(signal) },
        { name: 'tokens.clean', run: (signal) => clean(ledger, clock, signal) },
      ],
      async start() {
        const follow = Object.values(caches).map((cache) => cache.start(stopping.signal, clock));
        await Promise.all(follow);
        lapsing.start();
      },
      async stop() {
        lapsing.stop();
        stopping.abort();
      },
    }),
  };
}

async function clean(ledger: Ledger, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    await ledger.clean();
    await clock.sleep(cleanEveryMs, signal);
  }
}
