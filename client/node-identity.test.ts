import type { PeerCertificate } from 'node:tls';
import { expect, test } from 'vitest';
import { nodeIdentity } from './node-identity.ts';

const [cluster, node] = ['ab'.repeat(32), 'cd'.repeat(32)];

function of(names: string): PeerCertificate {
  return { subject: { CN: 'x' }, subjectaltname: names } as PeerCertificate;
}

test('who answers is a node of that name, and not a workload that may use the name as well', () => {
  const uri = `URI:spiffe://${cluster}/node/${node}`;
  expect(nodeIdentity('api.example', of(`${uri}, DNS:api.example`))).toBeUndefined();
  expect(nodeIdentity('127.0.0.1', of(`DNS:x, IP Address:127.0.0.1, ${uri}`))).toBeUndefined();
  expect(nodeIdentity('other.example', of(`${uri}, DNS:api.example`))).toBeDefined();
  for (const wrong of [
    `URI:spiffe://${cluster}/workload/${node}`,
    `URI:spiffe://${cluster}/node/${node}/x`,
    `DNS:"x, ${uri}"`,
    '',
  ]) {
    const found = nodeIdentity('api.example', of(`DNS:api.example, ${wrong}`));
    expect(found?.message).toContain('not a node');
  }
});
