// The numbers that a call over gRPC ends with. They stand here so that the library, which is large,
// is loaded only by a node whose store is etcd.

export const status = {
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export function statusName(code: number): string {
  return Object.entries(status).find(([, number]) => number === code)?.[0] ?? String(code);
}
