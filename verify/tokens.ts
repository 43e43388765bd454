// Capability tokens (protocol/tokens.md): the form of each, its signature, and that each allows the
// one that was made of it. What only one cluster knows, whom it honours and what it revoked, stays
// that cluster's to say.
import type { KeyRing } from './key-ring.ts';
import { demand, moment, Problem, short } from './problem.ts';
import { lies, scopeOf, type Scope } from './scopes.ts';
import { node, text, type Node } from './shape.ts';
import { isSigned } from './signature.ts';
import { readClaims, readHeader, type Claims } from './token-form.ts';
import { hash } from './transcript.ts';

const charactersMax = 8_192; // protocol/tokens.md: of a whole token
const descentMax = 8; // protocol/tokens.md: tokens that one descends from
const skewMs = 60_000; // protocol/tokens.md: clocks differ by so much

interface Member {
  readonly text: string;
  readonly claims: Claims;
  readonly scopes: readonly Scope[];
}

interface Judged {
  readonly keys: KeyRing;
  readonly atMs: number;
}

export function verifyToken(
  item: Node,
  judged: Judged,
): { readonly of: string; readonly sentence: string } {
  const whole = text(item, 'text');
  demand(whole.length <= charactersMax, `the token is over ${charactersMax} characters`);
  const texts = whole.split('~');
  demand(texts.length <= descentMax + 1, `the token descends from more than ${descentMax} others`);
  const members = texts.map((each) => memberOf(each, judged.keys));
  members.forEach((member, at) => {
    requireForm(member, members.length - 1 - at);
    requireTime(member.claims, judged.atMs);
    const parent = members[at + 1];
    if (parent !== undefined) {
      requireDescent(member, parent);
    }
  });
  const root = members.at(-1)?.claims.iss ?? '';
  const leaf = members[0]?.claims;
  demand(leaf !== undefined && root.startsWith('cluster:'), 'the root is not issued by a cluster');
  const of = root.slice('cluster:'.length);
  const holders = leaf.aud.join(', ');
  const until = moment(Math.min(...members.map(({ claims }) => claims.exp)) * 1_000);
  return { of, sentence: `${short(of)} lets ${holders} do ${leaf.caps.join(' ')} until ${until}` };
}

function memberOf(each: string, keys: KeyRing): Member {
  const [head = '', body = '', mark = '', ...more] = each.split('.');
  demand(more.length === 0 && mark !== '', 'the token is not three parts joined by "."');
  const header = readHeader(node(json(head, 'header'), 'its header'));
  const claims = readClaims(node(json(body, 'payload'), 'its payload'));
  demand(claims.iss === header.issuer, `its issuer is ${claims.iss}, and its key is another's`);
  const [form, issuer = ''] = claims.iss.split(':');
  const { keyIndex } = header;
  const key =
    form === 'key'
      ? Buffer.from(issuer, 'hex')
      : keys.signing(issuer, { keyIndex, atMs: claims.iat * 1_000 });
  demand(
    isSigned(key, Buffer.from(`${head}.${body}`), letters(mark, 'signature')),
    `token ${claims.jti} is not signed by ${form === 'key' ? 'key' : 'cluster'} ${short(issuer)}`,
  );
  const scopes = claims.caps.map((cap) => {
    const scope = scopeOf(cap);
    if (scope === undefined) {
      throw new Problem(`token ${claims.jti} has a scope of no known form: ${cap}`);
    }
    return scope;
  });
  return { text: each, claims, scopes };
}

/** Base64url has one spelling: spare bits and other letters are refused. */
function letters(spelled: string, what: string): Buffer {
  const read = Buffer.from(spelled, 'base64url');
  demand(read.toString('base64url') === spelled, `the token's ${what} is not base64url`);
  return read;
}

function json(part: string, what: string): unknown {
  const read = letters(part, what);
  const spelled = read.toString('utf8');
  demand(Buffer.from(spelled).equals(read), `the token's ${what} is not UTF-8`);
  let value: unknown;
  try {
    value = JSON.parse(spelled);
  } catch {
    throw new Problem(`the token's ${what} is not JSON`);
  }
  // Readers differ in which of two equal keys they believe. Every key stands before a colon.
  const keys = Array.from(spelled.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)/g))
    .filter(([, , colon]) => colon === ':')
    .map(([, key = '""']): unknown => JSON.parse(key));
  demand(new Set(keys).size === keys.length, `the token's ${what} has one key twice`);
  return value;
}

function requireForm({ claims }: Member, ancestors: number): void {
  const { jti, depth, prf } = claims;
  demand(depth === ancestors, `token ${jti} says depth ${depth}, and ${ancestors} follow it`);
  demand(prf.length === Math.min(1, ancestors), `token ${jti} does not name the one it is made of`);
}

function requireTime({ jti, exp, nbf, iat }: Claims, atMs: number): void {
  demand(atMs < exp * 1_000 + skewMs, `token ${jti} ran out at ${moment(exp * 1_000)}`);
  const from = Math.max(nbf, iat) * 1_000;
  demand(atMs >= from - skewMs, `token ${jti} counts from ${moment(from)} on`);
}

function requireDescent(child: Member, parent: Member): void {
  const { jti } = child.claims;
  demand(
    child.claims.prf[0] === hash(Buffer.from(parent.text)).toString('base64url'),
    `token ${jti} came with another parent than it was made of`,
  );
  demand(
    parent.claims.aud.includes(child.claims.iss),
    `token ${jti} is signed by ${child.claims.iss}, whom its parent does not name`,
  );
  demand(parent.claims.del, `the parent of token ${jti} may not be delegated`);
  demand(child.claims.exp <= parent.claims.exp, `token ${jti} outlives its parent`);
  const wide = child.scopes.findIndex(
    (scope) => !parent.scopes.some((outer) => lies(scope, outer)),
  );
  const cap = child.claims.caps[wide];
  demand(cap === undefined, `token ${jti} says more than its parent: ${cap}`);
}
