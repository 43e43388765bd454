// One-time codes: the owner's, which whoever runs the machine may make, and invitations. Kept as
// hashes, good for a day, used once, replaced by the next one.
import {
  HansaError,
  type Clock,
  type Crypto,
  type KeyValueStore,
  type Random,
  type WatchedTable,
} from '@hansa/foundation';
import type { OneTimeCode } from './contract.ts';
import { invitesMax, oneTimeCodeMs } from './fields.ts';
import type { CodeRecord, LoginTables } from './keys.ts';
import { codeText, hashText, plainCode, sameText } from './secrets.ts';

/** Under which the owner's code is kept: no user is called so. */
export const ownersName = '';

export interface CodesNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly tables: Pick<LoginTables, 'codes' | 'marks'>;
  readonly codes: WatchedTable<CodeRecord>;
}

export interface Codes {
  make(user: string): Promise<OneTimeCode>;
  /** Whose it is; undefined where it is none, or its time is over. */
  find(text: string): CodeRecord | undefined;
  isInvited(user: string): boolean;
  /** False where somebody else has used it, or another one was made, meanwhile. */
  spend(code: CodeRecord): Promise<boolean>;
  /** It has let nobody in, after all. */
  giveBack(code: CodeRecord): Promise<void>;
  /** Those of users that were made before then; and everybody's whose time is over. */
  forget(users: readonly string[], beforeMs: number): Promise<void>;
  /** The owner's code at the first start ever; undefined at every later one. */
  first(): Promise<OneTimeCode | undefined>;
}

export function createCodes(needs: CodesNeeds): Codes {
  const { store, clock, crypto, tables, codes } = needs;
  const isGood = (code: CodeRecord): boolean => code.expiresMs > clock.now();
  const rows = (): readonly CodeRecord[] => [...codes.rows.values()].map(({ value }) => value);
  const write = async (op: Parameters<KeyValueStore['transact']>[0]): Promise<boolean> => {
    const { revision, succeeded } = await store.transact(op);
    if (succeeded) {
      await codes.reached(revision);
    }
    return succeeded;
  };
  return {
    async make(user) {
      if (rows().filter((each) => isGood(each) && each.user !== user).length >= invitesMax) {
        throw new HansaError('STORE_LIMIT', `${invitesMax} one-time codes wait to be used`);
      }
      const { shown, kept } = made(needs, user);
      await write({ if: [], then: [tables.codes.put([user], kept)] });
      return shown;
    },
    find(text) {
      const hash = hashText(crypto, plainCode(text));
      return rows().find((each) => sameText(crypto, each.hash, hash) && isGood(each));
    },
    isInvited: (user) => rows().some((each) => each.user === user && isGood(each)),
    async spend({ user, hash }) {
      const row = codes.find(user);
      return (
        row?.value.hash === hash &&
        (await write({
          if: [
            {
              key: tables.codes.key(user),
              target: 'modRevision',
              op: '=',
              operand: row.modRevision,
            },
          ],
          then: [tables.codes.delete([user])],
        }))
      );
    },
    async giveBack(code) {
      await write({
        if: [{ key: tables.codes.key(code.user), target: 'modRevision', op: '=', operand: 0 }],
        then: [tables.codes.put([code.user], code)],
      });
    },
    async forget(users, beforeMs) {
      const isOld = ({ user, expiresMs }: CodeRecord): boolean =>
        users.includes(user) && expiresMs - oneTimeCodeMs < beforeMs;
      for (const { user } of rows().filter((each) => !isGood(each) || isOld(each))) {
        await write({ if: [], then: [tables.codes.delete([user])] });
      }
    },
    async first() {
      const key = tables.marks.key('first');
      const { shown, kept } = made(needs, ownersName);
      const succeeded = await write({
        if: [{ key, target: 'modRevision', op: '=', operand: 0 }],
        then: [
          tables.marks.put(['first'], { atMs: clock.now() }),
          tables.codes.put([ownersName], kept),
        ],
      });
      return succeeded ? shown : undefined;
    },
  };
}

function made(
  { clock, crypto, random }: CodesNeeds,
  user: string,
): { readonly shown: OneTimeCode; readonly kept: CodeRecord } {
  const code = codeText(random);
  const expiresMs = clock.now() + oneTimeCodeMs;
  const hash = hashText(crypto, plainCode(code));
  const whose = user === ownersName ? {} : { user };
  return { shown: { ...whose, code, expiresMs }, kept: { user, hash, expiresMs } };
}
