// etcd's maintenance and authentication: the messages that are sent and read here, with the numbers
// of their fields.
import { id64, int, many, manyTexts, message, one, text, type Codec } from './message.ts';
import { responseHeader, type Headed } from './messages-kv.ts';

export interface Nothing {}

export const nothing: Codec<Nothing> = message({});

interface StatusHeader {
  readonly memberId: string;
  readonly revision: number;
}

const statusHeader: Codec<StatusHeader> = message({ memberId: id64(2), revision: int(3) });

export interface StatusResponse {
  readonly header?: StatusHeader;
  readonly version: string;
  readonly dbSize: number;
  readonly leader: string;
  /** Alarms, among others, as sentences that name them. */
  readonly errors: readonly string[];
}

export const statusResponse: Codec<StatusResponse> = message({
  header: one(1, statusHeader),
  version: text(2),
  dbSize: int(3),
  leader: id64(4),
  errors: manyTexts(8),
});

export const alarmAction = { get: 0, disarm: 2 } as const;
export const alarmKind = { noSpace: 1, corrupt: 2 } as const;

export interface AlarmRequest {
  readonly action: number;
  readonly memberId: string;
  readonly alarm: number;
}

export const alarmRequest: Codec<AlarmRequest> = message({
  action: int(1),
  memberId: id64(2),
  alarm: int(3),
});

export interface AlarmMember {
  readonly memberId: string;
  readonly alarm: number;
}

const alarmMember: Codec<AlarmMember> = message({ memberId: id64(1), alarm: int(2) });

export interface AlarmResponse extends Headed {
  readonly alarms: readonly AlarmMember[];
}

export const alarmResponse: Codec<AlarmResponse> = message({
  header: one(1, responseHeader),
  alarms: many(2, alarmMember),
});

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export const authenticateRequest: Codec<AuthenticateRequest> = message({
  name: text(1),
  password: text(2),
});

export interface AuthenticateResponse {
  readonly token: string;
}

export const authenticateResponse: Codec<AuthenticateResponse> = message({ token: text(2) });
