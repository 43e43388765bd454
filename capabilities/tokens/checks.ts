// What the capability that carries out one act asks of tokens that are shown for it.
import type { Clock, WatchedTable } from '@hansa/foundation';
import type { TokenChecks } from './contract.ts';
import type { Judge } from './judge.ts';
import type { ReceivedRecord } from './keys.ts';
import { attenuateToken, type Making } from './making.ts';
import { requireUnspoken } from './peer-service.ts';
import { receivedText } from './service.ts';

export interface ChecksNeeds {
  readonly clock: Clock;
  readonly judge: Judge;
  readonly making: Making;
  readonly received: WatchedTable<ReceivedRecord>;
}

export function createChecks({ clock, judge, making, received }: ChecksNeeds): TokenChecks {
  return {
    verify(text) {
      const token = judge.verify(text);
      requireUnspoken(token);
      return token;
    },
    inspect: (text) => judge.verifyForeign(text),
    received: (jti) => receivedText(received, jti),
    pass(text, { to, caps, ttlMs, facts }) {
      const nowMs = clock.now();
      const { expiresMs, delegable, subject } = judge.verifyForeign(text);
      return attenuateToken(making, text, {
        subject,
        audience: [`cluster:${to}`],
        caps,
        nowMs,
        expiresMs: Math.min(nowMs + ttlMs, expiresMs),
        delegable,
        facts,
      }).text;
    },
  };
}
