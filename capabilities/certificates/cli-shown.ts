// SPIFFE ids as people call whom they name. For what is shown, in sentences and tables.

/** `user:anna` of `spiffe://<cluster>/user/anna`; what is no such id is shown as it is. */
export function subjectText(id: string): string {
  const [, kind, name] = /^spiffe:\/\/[0-9a-f]{64}\/([a-z]+)\/(.+)$/.exec(id) ?? [];
  return kind === undefined || name === undefined ? id : `${kind}:${name}`;
}
