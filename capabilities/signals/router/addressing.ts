// INTERIM until patterns/ is there.
import type { PatternIndex } from './routes.ts';

export function addressProblem(address: string): string | undefined {
  return address.startsWith('/') && !address.includes('*') && !address.includes('\0') && address.length <= 1024
    ? undefined
    : 'no address';
}
export function patternProblem(pattern: string): string | undefined {
  if (!pattern.startsWith('/') || pattern.length > 1024) {
    return 'a pattern starts with /';
  }
  return pattern.slice(1).split('/').slice(0, -1).includes('') ? 'empty segment' : undefined;
}
export function isLiteral(pattern: string): boolean {
  return !pattern.includes('*');
}
export function matcherOf(pattern: string): (address: string) => boolean {
  const p = pattern.split('/');
  return (address) => match(p, address.split('/'), 0, 0);
}
function match(p: string[], a: string[], i: number, j: number): boolean {
  if (i === p.length) {
    return j === a.length;
  }
  if (p[i] === '**') {
    return match(p, a, i + 1, j) || (j < a.length && match(p, a, i, j + 1));
  }
  if (j === a.length) {
    return false;
  }
  const seg = p[i] ?? '';
  const ok = seg.includes('*')
    ? new RegExp(`^${seg.split('*').map((t) => t.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`).test(a[j] ?? '')
    : seg === a[j];
  return ok && match(p, a, i + 1, j + 1);
}
export function createPatternIndex<T>(): PatternIndex<T> {
  const all = new Map<T, (address: string) => boolean>();
  return {
    add: (pattern, item) => void all.set(item, matcherOf(pattern)),
    remove: (_pattern, item) => void all.delete(item),
    match: (address, found) => all.forEach((m, item) => m(address) && found(item)),
  };
}
