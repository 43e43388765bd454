// Files that `hansa signal serve` is given: tokens, trusted keys, rules of addresses.
import { stat } from 'node:fs/promises';
import {
  ruleListSchema,
  tokenListSchema,
  type RuleList,
} from '@hansa/capabilities/signals/contract';
import { fromBase64, fromHex, HansaError, schemaSentence } from '@hansa/foundation';
import { readDataFile } from './data-file.ts';
import { readText } from './signal-terminal.ts';

const keyBytes = 32;

export const tokenListExample =
  'tokens: [{ token: cpsk_…, scopes: ["read:/**"], expires: 2030-01-31T12:00:00Z }]';

export interface ListedToken {
  readonly token: string;
  readonly scopes: readonly string[];
  readonly subject: string;
  readonly expiresMs?: number;
  readonly messagesPerSecondMax?: number;
}

/** INPUT_INVALID, which names the field and never the token. */
export async function readTokenList(path: string): Promise<readonly ListedToken[]> {
  const read = tokenListSchema.safeParse(await readDataFile(path));
  if (!read.success) {
    throw new HansaError('INPUT_INVALID', `${path}: ${schemaSentence(read.error)}`, {
      fix: tokenListExample,
    });
  }
  const { tokens } = read.data;
  if (new Set(tokens.map(({ token }) => token)).size < tokens.length) {
    throw new HansaError('INPUT_INVALID', `${path} lists a token twice`);
  }
  return tokens.map(({ token, scopes, subject, expires, rateLimit }, index) => ({
    token,
    scopes,
    subject: subject ?? `token ${index + 1}`,
    ...(expires === undefined ? {} : { expiresMs: Date.parse(expires) }),
    ...(rateLimit === undefined ? {} : { messagesPerSecondMax: rateLimit }),
  }));
}

/** Whether anybody else on this machine could read the secrets in it. */
export async function isExposed(path: string): Promise<boolean> {
  const { mode } = await stat(path);
  return (mode & 0o077) !== 0;
}

/** One public key a line, `#` before what is for people. */
export async function readAnchors(path: string): Promise<readonly Uint8Array[]> {
  const lines = (await readText(path)).split('\n').map((line) => line.replace(/#.*/, '').trim());
  const keys = lines.filter((line) => line !== '').map((line) => keyOf(line, path));
  if (keys.length === 0) {
    throw new HansaError('INPUT_INVALID', `${path} names no public key`, { fix: keyFix });
  }
  return keys;
}

const keyFix = 'one Ed25519 public key a line: 64 hex digits, base64, or key:… of a token keygen';

function keyOf(line: string, path: string): Uint8Array {
  const text = line.replace(/^key:/, '');
  try {
    const bytes = /^[0-9a-f]{64}$/i.test(text) ? fromHex(text.toLowerCase()) : fromBase64(text);
    if (bytes.length === keyBytes) {
      return bytes;
    }
  } catch {
    // Told below, as what is too short or too long.
  }
  throw new HansaError('INPUT_INVALID', `${path} holds a line that is no public key`, {
    fix: keyFix,
  });
}

export async function readRules(path: string): Promise<RuleList['rules']> {
  const read = ruleListSchema.safeParse(await readDataFile(path));
  if (!read.success) {
    throw new HansaError('INPUT_INVALID', `${path}: ${schemaSentence(read.error)}`, {
      fix: 'rules: [{ pattern: "/peak/**", strategy: max, ttlSeconds: 60, durable: true }]',
    });
  }
  return read.data.rules;
}
