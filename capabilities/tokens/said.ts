// What a token says of itself, told to people: its chain, whom it speaks for and where.
import type { ClusterId } from '@hansa/foundation';
import { clustersOf, linkOf, readChain, type Member } from './chain.ts';
import type { NamedCluster, TokenReport } from './contract.ts';
import { abroad, calledAt, speakerOf } from './speaking.ts';

/** Who reads it: nobody in particular where absent, and then everybody is named with their home. */
export interface Reader {
  readonly here: ClusterId;
  nameOf(cluster: ClusterId): string | undefined;
}

export type Said = Pick<TokenReport, 'chain' | 'speaksFor' | 'clusters'>;

export function saidBy(text: string, reader?: Reader): Said {
  const members = readChain(text);
  const chain = members.map(linkOf);
  const root = members.at(-1);
  const speaker = speakerOf(root?.claims.sub ?? '');
  const [form, home] = (root?.claims.iss ?? '').split(':');
  if (speaker === undefined || form !== 'cluster') {
    return { chain };
  }
  const issuer = home as ClusterId;
  const speaksFor =
    reader === undefined ? abroad(speaker, issuer) : calledAt(reader.here, speaker, issuer);
  return { chain, speaksFor, clusters: placesOf(members, reader) };
}

/** None where one of the chain says that it is good where its parent is not. */
function placesOf(members: readonly Member[], reader: Reader | undefined): readonly NamedCluster[] {
  let clusters: readonly ClusterId[] = [];
  try {
    clusters = clustersOf(members);
  } catch {
    // What is wrong with it is told as its problem.
  }
  return clusters.map((cluster) => {
    const name = reader?.nameOf(cluster);
    return { cluster, ...(name === undefined ? {} : { name }) };
  });
}

/** What of it is good, with a word where that is so by the leeway alone. */
export function usableReport(said: Said, nowMs: number): TokenReport {
  const tolerated = said.chain.some(
    ({ notBeforeMs, expiresMs }) => nowMs >= expiresMs || nowMs < notBeforeMs,
  );
  return { ...said, usable: true, ...(tolerated ? { tolerated } : {}) };
}
