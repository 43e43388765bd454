// Tokens of the protocol's own forms that a cluster's router makes and takes: `cap_`, signed, and
// `cpsk_`, known by heart. Of both the cluster keeps a hash and what they say, so that each can be
// listed and taken back; their texts are told once.
import {
  createMutex,
  HansaError,
  toBase64Url,
  toHex,
  utf8,
  type Call,
  type Caller,
  type Clock,
  type ClusterId,
  type Crypto,
  type KeyValueStore,
  type Random,
} from '@hansa/foundation';
import { callerAccess, type Deciding } from './caller-access.ts';
import {
  signalTokensMax,
  signalTokenTtlDefaultMs,
  type MadeSignalToken,
  type RouterDesk,
  type SignalTokenRow,
} from './hosted-contract.ts';
import { signalErrors } from './frames/messages.ts';
import type { HostedTables, TokenRecord } from './keys.ts';
import type { AdmissionRefusal, SignalAccess } from './router/access.ts';
import { scopeRules, scopesAllow } from './router/scopes.ts';
import { capPrefix, makeCapToken, readCapToken } from './tokens/cap-token.ts';
import type { AccessControl } from '../access/contract.ts';

export interface OwnTokensNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly store: KeyValueStore;
  readonly tables: Pick<HostedTables, 'tokens' | 'issuer'>;
  readonly cluster: ClusterId;
  readonly access: Deciding & Pick<AccessControl, 'requireGrantable'>;
}

export interface OwnTokens extends Pick<RouterDesk, 'makeToken' | 'revokeToken'> {
  load(): Promise<void>;
  /** Those that have not run out. */
  all(): readonly SignalTokenRow[];
  /** Of the key that signs, in hex; undefined before the first token was made. */
  readonly key: string | undefined;
  /** Undefined where it has none of the forms. */
  admit(token: string): SignalAccess | AdmissionRefusal | undefined;
}

const pskPrefix = 'cpsk_';
const secretBytes = 32; // of a text that is known by heart
const seedBytes = 32;
const nonceBytes = 16;
const idDigits = 16; // of the hash: ten thousand of them do not meet
const secondMs = 1_000;
const forgottenMax = 100; // operations of one transaction

export function createOwnTokens(needs: OwnTokensNeeds): OwnTokens {
  return new TokenShelf(needs);
}

class TokenShelf implements OwnTokens {
  readonly #needs: OwnTokensNeeds;
  readonly #mutex = createMutex();
  /** By id. */
  readonly #records = new Map<string, TokenRecord>();
  /** One for each session, to end it when its token is taken back; by the token's id. */
  readonly #lapses = new Map<string, Set<AbortController>>();
  #seed: Uint8Array | undefined;

  constructor(needs: OwnTokensNeeds) {
    this.#needs = needs;
  }

  get key(): string | undefined {
    return this.#seed && toHex(this.#needs.crypto.publicKey(this.#seed));
  }

  async load(): Promise<void> {
    const { tables } = this.#needs;
    this.#seed = (await tables.issuer.get('key'))?.value.seed;
    this.#records.clear();
    for await (const { value } of tables.tokens.rows()) {
      this.#records.set(value.id, value);
    }
  }

  all(): readonly SignalTokenRow[] {
    const now = this.#needs.clock.now();
    return [...this.#records.values()]
      .filter(({ expiresMs }) => expiresMs > now)
      .map(rowOf)
      .toSorted((a, b) => a.madeMs - b.madeMs);
  }

  makeToken(
    {
      subject,
      scopes,
      form = 'cap',
      ttlMs = signalTokenTtlDefaultMs,
    }: Parameters<RouterDesk['makeToken']>[0],
    call?: Call,
  ): Promise<MadeSignalToken> {
    return this.#mutex.run(async () => {
      this.#requireGrantable(scopes, call?.caller);
      const { clock, crypto, random, store, tables } = this.#needs;
      const madeMs = clock.now();
      // Whole seconds are what a signed token knows.
      const expiresMs = Math.ceil((madeMs + ttlMs) / secondMs) * secondMs;
      const token =
        form === 'cpsk'
          ? `${pskPrefix}${toBase64Url(random.bytes(secretBytes))}`
          : makeCapToken({
              crypto,
              seed: await this.#issuer(),
              scopes,
              expiresSeconds: expiresMs / secondMs,
              nonce: toHex(random.bytes(nonceBytes)),
            });
      const hash = this.#hashOf(token);
      const row = { id: idOf(hash), form, subject, scopes, madeMs, expiresMs, revoked: false };
      await this.#makeRoom(madeMs);
      const record = { ...row, hash };
      await store.transact({ if: [], then: [tables.tokens.put([row.id], record)] });
      this.#records.set(row.id, record);
      return { ...row, token };
    });
  }

  revokeToken({ id }: { readonly id: string }): Promise<SignalTokenRow> {
    return this.#mutex.run(async () => {
      const known = this.#records.get(id);
      if (known === undefined) {
        throw new HansaError('TOKEN_NOT_FOUND', `the router has made no token ${id}`, {
          fix: 'hansa signal token list',
        });
      }
      const { store, tables } = this.#needs;
      const record = { ...known, revoked: true };
      await store.transact({ if: [], then: [tables.tokens.put([id], record)] });
      this.#records.set(id, record);
      this.#lapses.get(id)?.forEach((lapse) => lapse.abort());
      return rowOf(record);
    });
  }

  admit(token: string): SignalAccess | AdmissionRefusal | undefined {
    const isCap = token.startsWith(capPrefix);
    if (!isCap && !token.startsWith(pskPrefix)) {
      return undefined;
    }
    const { clock, crypto } = this.#needs;
    const anchors = this.#seed === undefined ? [] : [crypto.publicKey(this.#seed)];
    const read = isCap ? readCapToken(token, { crypto, anchors }) : undefined;
    if (typeof read === 'string') {
      return refused(read);
    }
    if (read !== undefined && read.expiresSeconds * secondMs <= clock.now()) {
      return { code: signalErrors.expired, message: 'the token has expired' };
    }
    const record = this.#records.get(idOf(this.#hashOf(token)));
    if (record === undefined || record.revoked) {
      return refused(record === undefined ? 'nobody knows the token here' : 'it was taken back');
    }
    return record.expiresMs <= clock.now()
      ? { code: signalErrors.expired, message: 'the token has expired' }
      : this.#accessOf(record);
  }

  /** Policies have a word in what the scopes allow, as with any token of the cluster. */
  #accessOf({ id, form, subject, scopes, expiresMs }: TokenRecord): SignalAccess {
    const { access, cluster } = this.#needs;
    const allows = scopesAllow(scopes);
    const lapse = new AbortController();
    const lapses = this.#lapses.get(id) ?? new Set();
    this.#lapses.set(id, lapses.add(lapse));
    const done = (): void => {
      lapses.delete(lapse);
      if (lapses.size === 0) {
        this.#lapses.delete(id);
      }
    };
    const ruled = callerAccess({
      access,
      cluster,
      caller: {
        kind: 'token',
        holder: 'bearer',
        subject,
        scopes: ['api:signal.read', 'api:signal.write', 'api:namespaces.write'],
        chain: [`${form}:${id}`],
        expiresMs,
      },
      lapse: { signal: lapse.signal, done },
    });
    return {
      ...ruled,
      subject: `${form}:${id}`,
      allows: (verb, address) => allows(verb, address) && ruled.allows(verb, address),
    };
  }

  #requireGrantable(scopes: readonly string[], caller: Caller | undefined): void {
    const wanted = readScopes(scopes).flatMap(({ action, pattern }) => [
      ...grantsOf('signal.read', pattern),
      ...(action === 'read' ? [] : grantsOf('signal.write', pattern)),
      ...(action === 'admin' ? grantsOf('namespaces.write', pattern) : []),
    ]);
    if (caller !== undefined && caller.kind !== 'owner') {
      this.#needs.access.requireGrantable(caller, wanted);
    }
  }

  /** Made with the first token. */
  async #issuer(): Promise<Uint8Array> {
    if (this.#seed === undefined) {
      const { random, store, tables } = this.#needs;
      const seed = random.bytes(seedBytes);
      await store.transact({ if: [], then: [tables.issuer.put(['key'], { seed })] });
      this.#seed = seed;
    }
    return this.#seed;
  }

  /** What has run out is forgotten, as much of it as one transaction takes. */
  async #makeRoom(now: number): Promise<void> {
    const { store, tables } = this.#needs;
    const over = [...this.#records.values()].filter(({ expiresMs }) => expiresMs <= now);
    const gone = over.slice(0, forgottenMax);
    if (gone.length > 0) {
      await store.transact({ if: [], then: gone.map(({ id }) => tables.tokens.delete([id])) });
      gone.forEach(({ id }) => this.#records.delete(id));
    }
    if (this.#records.size >= signalTokensMax) {
      throw new HansaError('STORE_LIMIT', `the router has made ${signalTokensMax} tokens`, {
        fix: 'wait until some have run out, or make fewer for more devices',
      });
    }
  }

  #hashOf(token: string): Uint8Array {
    return this.#needs.crypto.hash(utf8(token));
  }
}

function readScopes(scopes: readonly string[]): ReturnType<typeof scopeRules> {
  try {
    return scopeRules(scopes);
  } catch (error) {
    const { message, fix } = error as HansaError;
    throw new HansaError('INPUT_INVALID', message, fix === undefined ? {} : { fix });
  }
}

function idOf(hash: Uint8Array): string {
  return toHex(hash).slice(0, idDigits);
}

function rowOf({ hash: _hash, ...row }: TokenRecord): SignalTokenRow {
  return row;
}

function refused(why: string): AdmissionRefusal {
  return { code: signalErrors.authentication, message: `Authentication failed: ${why}` };
}

/** As roles say it. A pattern that ends in `/**` is also about the address above it. */
function grantsOf(permission: string, pattern: string): readonly string[] {
  const name = pattern.slice(1);
  const all = `api:${permission}`;
  if (name === '**') {
    return [all];
  }
  return name.endsWith('/**')
    ? [`${all}:${name}`, `${all}:${name.slice(0, -'/**'.length)}`]
    : [`${all}:${name}`];
}
