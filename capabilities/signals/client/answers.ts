// What a router's ERROR is to a person: its code in our register, its words as they came.
import { HansaError, type ErrorCode } from '@hansa/foundation';
import { signalErrors, type ErrorMessage } from '../frames/messages.ts';

const codes: Readonly<Record<number, ErrorCode>> = {
  [signalErrors.frame]: 'PROTOCOL_BREACH',
  [signalErrors.message]: 'PROTOCOL_BREACH',
  [signalErrors.version]: 'PROTOCOL_MISMATCH',
  [signalErrors.address]: 'SIGNAL_ADDRESS_INVALID',
  [signalErrors.notFound]: 'SIGNAL_NOT_FOUND',
  [signalErrors.pattern]: 'SIGNAL_ADDRESS_INVALID',
  [signalErrors.authentication]: 'SIGNAL_UNAUTHENTICATED',
  [signalErrors.scope]: 'SIGNAL_FORBIDDEN',
  [signalErrors.expired]: 'SIGNAL_TOKEN_EXPIRED',
  [signalErrors.conflict]: 'SIGNAL_CONFLICT',
  [signalErrors.lockHeld]: 'SIGNAL_CONFLICT',
  [signalErrors.value]: 'INPUT_INVALID',
  [signalErrors.refused]: 'SIGNAL_FORBIDDEN',
  [signalErrors.target]: 'SIGNAL_NOT_FOUND',
  [signalErrors.rate]: 'RATE_LIMITED',
  [signalErrors.noJournal]: 'SIGNAL_NO_JOURNAL',
  [signalErrors.timeout]: 'SIGNAL_OWNER_AWAY',
};

export function errorOfAnswer({ code, message, address }: ErrorMessage, by: string): HansaError {
  return new HansaError(codes[code] ?? 'REMOTE_FAILED', `${code} ${message}`, {
    reportedBy: by,
    ...(code === signalErrors.internal ? { fix: 'see the router’s log' } : {}),
    facts: { code, ...(address === undefined ? {} : { address }) },
  });
}
