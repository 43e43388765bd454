// What one token says, read as strictly as protocol/tokens.md has it: what is not known might
// narrow the token, so nothing is passed over.
import { demand, Problem } from './problem.ts';
import { has, list, text, whole, type Node } from './shape.ts';

const lifeMaxS = 30 * 24 * 3_600; // protocol/tokens.md: from being issued to its end
// The next four stand in protocol/tokens.md as well: what is beyond them no node takes.
const depthMax = 8; // tokens that one descends from
const holdersMax = 8; // of one token
const scopesMax = 32; // of one token
const marksMax = 8; // of one scope

const namePattern = /^(?:cluster|key):[0-9a-f]{64}$/;
const keyPattern = /^((?:cluster|key):[0-9a-f]{64})#(0|[1-9][0-9]{0,8})$/;

export interface Header {
  readonly issuer: string;
  readonly keyIndex: number;
}

export interface Claims {
  readonly iss: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly nbf: number;
  readonly iat: number;
  readonly jti: string;
  readonly caps: readonly string[];
  readonly depth: number;
  readonly del: boolean;
  readonly prf: readonly string[];
}

function only(from: Node, names: readonly string[]): void {
  const other = Object.keys(from.fields).find((name) => !names.includes(name));
  demand(other === undefined, `${from.at} has a field that no token has: "${other}"`);
}

export function readHeader(header: Node): Header {
  only(header, ['alg', 'typ', 'kid']);
  demand(text(header, 'alg') === 'EdDSA', `its algorithm is not EdDSA`);
  demand(text(header, 'typ') === 'hansa-cap+jwt', 'it is not a "hansa-cap+jwt"');
  const [, issuer = '', index = ''] = keyPattern.exec(text(header, 'kid')) ?? [];
  demand(issuer !== '', `${header.at}.kid is not "<issuer>#<index>"`);
  demand(issuer.startsWith('cluster:') || index === '0', 'a bare key has the index 0 alone');
  return { issuer, keyIndex: Number(index) };
}

const claimNames = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'caps',
  'depth',
  'del',
  'fct',
  'prf',
] as const;

export function readClaims(payload: Node): Claims {
  only(payload, claimNames);
  const claims: Claims = {
    iss: matching(text(payload, 'iss'), namePattern, `${payload.at}.iss`),
    aud: texts(payload, 'aud', /^(?:bearer|(?:cluster|key):[0-9a-f]{64})$/),
    exp: whole(payload, 'exp'),
    nbf: whole(payload, 'nbf'),
    iat: whole(payload, 'iat'),
    jti: matching(text(payload, 'jti'), /^[A-Za-z0-9_-]{16,64}$/, `${payload.at}.jti`),
    caps: texts(payload, 'caps', /^.{1,256}$/s),
    depth: whole(payload, 'depth'),
    del: flag(payload, 'del'),
    prf: texts(payload, 'prf', /^[A-Za-z0-9_-]{43}$/),
  };
  matching(text(payload, 'sub'), /^\P{C}{1,128}$/u, `${payload.at}.sub`);
  const marks = has(payload, 'fct') ? texts(payload, 'fct', /^[a-z][a-z0-9-]{0,63}$/) : [];
  demand(marks.length <= marksMax, `it has more than ${marksMax} marks`);
  requireSound(claims);
  return claims;
}

function requireSound({ aud, caps, depth, del, exp, nbf, iat, prf }: Claims): void {
  demand(aud.length >= 1 && aud.length <= holdersMax, 'it names no holder, or too many');
  demand(new Set(aud).size === aud.length, 'it names a holder twice');
  const borne = aud.includes('bearer');
  demand(!borne || (aud.length === 1 && !del), 'a bearer has no other holder, and cannot delegate');
  demand(caps.length >= 1 && caps.length <= scopesMax, 'it has no scope, or too many');
  demand(depth <= depthMax, `it descends from more than ${depthMax} others`);
  demand(prf.length <= 1, 'it is made of more than one other');
  demand(nbf < exp, 'it ends before it begins');
  demand(exp - iat <= lifeMaxS, 'it lives longer than any token may');
}

function texts(from: Node, name: string, pattern: RegExp): readonly string[] {
  return list(from, name).map((each, index) =>
    matching(each, pattern, `${from.at}.${name}[${index}]`),
  );
}

function matching(value: unknown, pattern: RegExp, at: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw new Problem(`${at} has not its form`);
  }
  return value;
}

function flag(from: Node, name: string): boolean {
  const value = from.fields[name];
  if (typeof value !== 'boolean') {
    throw new Problem(`${from.at}.${name} is neither true nor false`);
  }
  return value;
}
