// Counts requests as gates hear of them. What a label may say is known beforehand: a method that no
// table has, or a code that no register has, is counted as `other`.
import { errorCodes, type AnyContract, type AuditEntry, type HttpRoute } from '@hansa/foundation';
import type { Reading } from './register.ts';

export const roads = ['api', 'peer'] as const;
export type Road = (typeof roads)[number];

/** What is known only when all capabilities are made. */
export interface Counted {
  readonly contracts: readonly AnyContract[];
  readonly routes: readonly Pick<HttpRoute, 'method' | 'path'>[];
}

export interface Counts {
  /** A request that is over. */
  served(road: Road, entry: Pick<AuditEntry, 'contract' | 'method' | 'outcome'>): void;
  /** One that was turned away before anybody asked who it is. */
  limited(road: Road): void;
  readings(): readonly Reading[];
}

const other = 'other';
// Who these refuse did not prove who they are; all else is refused to somebody known.
const refusals = /^(?:UNAUTHENTICATED|LOGIN_|PASSWORD_|PRINCIPAL_|CERTIFICATE_|TOKEN_(?!SCOPE))/;
const loginsContract = 'logins';

/** `rawContract` is what gates call routes without a contract, `doorMethod` one before any. */
export function createCounts(
  served: () => Counted,
  names: { readonly rawContract: string; readonly doorMethod: string },
): Counts {
  const requests = new Map<string, { readonly labels: Record<string, string>; count: number }>();
  const refused = new Map<string, number>();
  const limited = new Map<Road, number>();
  let known: ReadonlySet<string> | undefined;
  const methods = (): ReadonlySet<string> => (known ??= methodsOf(served(), names));
  return {
    served(road, { contract, method, outcome: given }) {
      const name = `${contract}.${method}`;
      const shown = methods().has(name) ? name : other;
      const outcome = given === 'OK' || Object.hasOwn(errorCodes, given) ? given : other;
      const key = `${road} ${shown} ${outcome}`;
      const row = requests.get(key) ?? { labels: { road, method: shown, outcome }, count: 0 };
      row.count += 1;
      requests.set(key, row);
      const isEntrance = method === names.doorMethod || contract === loginsContract;
      if (isEntrance && refusals.test(outcome)) {
        refused.set(outcome, (refused.get(outcome) ?? 0) + 1);
      }
      if (outcome === 'RATE_LIMITED') {
        limited.set(road, (limited.get(road) ?? 0) + 1);
      }
    },
    limited: (road) => void limited.set(road, (limited.get(road) ?? 0) + 1),
    readings: () => [
      ...[...requests.values()].map(({ labels, count }): Reading => ({
        name: 'hansa_requests',
        labels,
        value: count,
      })),
      ...[...refused].map(([reason, value]): Reading => ({
        name: 'hansa_refused_logins',
        labels: { reason },
        value,
      })),
      ...roads.map((road): Reading => ({
        name: 'hansa_rate_limited',
        labels: { road },
        value: limited.get(road) ?? 0,
      })),
    ],
  };
}

function methodsOf(
  { contracts, routes }: Counted,
  { rawContract, doorMethod }: { readonly rawContract: string; readonly doorMethod: string },
): ReadonlySet<string> {
  return new Set([
    ...contracts.flatMap(({ name, methods }) =>
      Object.keys(methods).map((each) => `${name}.${each}`),
    ),
    ...routes.map(({ method, path }) => `${rawContract}.${method} ${path}`),
    `${rawContract}.${doorMethod}`,
  ]);
}
