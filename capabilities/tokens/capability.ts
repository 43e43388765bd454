// Ties tokens to their host: what people call, what peers show, what policy, apps and the node's
// gate ask; and the duties that show received tokens, hear of revocations and clean the lists.
import {
  capability,
  watchedTable,
  type Capability,
  type Clock,
  type ClusterId,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { AccessControl } from '../access/contract.ts';
import type { Directories } from '../directory/contract.ts';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { createAuthority } from './authority.ts';
import { createChecks } from './checks.ts';
import type { PresentedTokens } from '../policies/contract.ts';
import { tokensContract, type TokenAuthority, type TokenChecks } from './contract.ts';
import { createJudge } from './judge.ts';
import type { KeyOf } from './jws.ts';
import { tokenTables } from './keys.ts';
import { createLapsing } from './lapsing.ts';
import { createFollowed } from './followed.ts';
import { followRevocations } from './following.ts';
import { createTokenPeer } from './peer-service.ts';
import { revokeOfGone } from './leaving.ts';
import { createPresented } from './presented.ts';
import { createPresenting } from './presenting.ts';
import { createLedger, type Ledger } from './revoking.ts';
import { makingOf } from './issuing.ts';
import { rememberedSignaturesMax, rememberingSignatures } from './remembering.ts';
import { createTokens } from './service.ts';
import { createRevocationsPeer } from './spreading.ts';
import { revocationsPeerContract, tokenPeerContract } from './wire.ts';

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
  /** Who is known and who may what, asked when it is needed: both are made after tokens. */
  readonly directories?: (() => Directories | undefined) | undefined;
  readonly access?: (() => AccessControl | undefined) | undefined;
  /** Why a linked cluster is kept at a distance; undefined where it is not. */
  readonly remark?: ((peer: ClusterId) => string | undefined) | undefined;
}

export function tokensCapability(needs: TokensNeeds): {
  readonly capability: Capability;
  readonly presented: PresentedTokens;
  readonly authority: TokenAuthority;
  readonly checks: TokenChecks;
  /** How many issued tokens are out, for the node's metrics. */
  counted(): number;
} {
  const { store, clock, signer, keys } = needs;
  const tables = tokenTables(store, needs.codec);
  const caches = {
    issued: watchedTable(store, tables.issued),
    revoked: watchedTable(store, tables.revoked),
    received: watchedTable(store, tables.received),
    honoured: watchedTable(store, tables.honoured),
    followed: watchedTable(store, tables.followed),
  };
  const followed = createFollowed({ store, clock, tables, rows: caches.followed });
  const keyOf: KeyOf = (cluster, claim) => keys.signing(cluster, claim);
  const keyIndex = (): number => keys.present(signer.cluster).keyIndex;
  const parts = { ...needs, ...caches, tables, cluster: signer.cluster, keyOf, keyIndex };
  const crypto = rememberingSignatures(needs.crypto, rememberedSignaturesMax);
  const judge = createJudge({ ...parts, crypto, followed });
  const lapsing = createLapsing({ clock, judge });
  const presented = createPresented();
  const presenting = createPresenting(parts);
  const ledger = createLedger(parts);
  const authority = createAuthority({ ...parts, judge, lapsing });
  const { rootOf } = authority;
  const tokens = createTokens({ ...parts, judge, ledger, presenting, rootOf });
  const takenBack: Ledger['takenBack'] = (root, ids) => ledger.takenBack(root, ids);
  const stopping = new AbortController();
  return {
    presented,
    counted: () => caches.issued.rows.size,
    authority,
    checks: createChecks({ ...parts, judge, making: makingOf(needs) }),
    capability: capability({
      name: tokensContract.name,
      serves: [{ contract: tokensContract, service: tokens }],
      servesPeers: [
        { contract: tokenPeerContract, service: createTokenPeer({ judge, lapsing, presented }) },
        { contract: revocationsPeerContract, service: createRevocationsPeer(parts) },
      ],
      duties: [
        { name: 'tokens.present', run: (signal) => presenting.run(signal) },
        {
          name: 'tokens.follow',
          run: (signal) => followRevocations({ ...parts, followed, takenBack }, signal),
        },
        { name: 'tokens.leave', run: (signal) => revokeOfGone({ ...parts, ledger }, signal) },
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
