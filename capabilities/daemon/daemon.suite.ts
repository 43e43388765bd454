// What any Daemon must tell, wherever it lives. The one behind the road is `lubeck`, three seconds
// old, with one resource, one rule, one live link, one closed link, and one mirror.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Daemon } from './contract.ts';

/** `stopped` tells whether the process behind the road was asked to stop. */
export function daemonSuite({ name: road, make }: Road<Daemon>, stopped: () => number): void {
  describe(`daemon ${road}`, () => {
    test('tells how the node is: identity, store, links that are not closed, mirrors', async () => {
      const { service, close } = await make();
      await expect(service.status({})).resolves.toMatchObject({
        name: 'lubeck',
        version: '1.2.3',
        pid: 4_711,
        uptimeMs: 3_000,
        federation: 'off',
        problem: { code: 'KEY_MALFORMED' },
        warnings: [
          { code: 'IDENTITY_TWICE' },
          { code: 'RESOURCE_REWOUND' },
          { code: 'STORE_FULL' },
        ],
        addresses: ['127.0.0.1:4100'],
        store: { engine: 'memory', durability: 'relaxed' },
        resources: 1,
        rules: 1,
        trust: { trusted: 0, blocked: 1, requests: 0 },
        links: [{ name: 'bergen', status: 'stalled', reason: 'no beat for 7 s' }],
        mirrors: [{ mirror: 'bergen:tools', state: 'current', sequence: 12 }],
        memoryBytes: 1_024,
      });
      await close();
    });

    test('tells every setting with where it came from', async () => {
      const { service, close } = await make();
      await expect(service.config({})).resolves.toEqual({
        settings: [{ name: 'name', value: 'lubeck', source: 'flag', description: 'a label' }],
      });
      await close();
    });

    test('answers that it stops before it does', async () => {
      const { service, close } = await make();
      const before = stopped();
      await expect(service.stop({})).resolves.toEqual({ pid: 4_711 });
      expect(stopped()).toBe(before + 1);
      await close();
    });

    test('takes no input that it does not know', async () => {
      const { service, close } = await make();
      const more: object = { force: true };
      await expect(service.stop({ ...more })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await close();
    });
  });
}
