// What any Identity must show, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Identity } from './contract.ts';

/** Roads to an identity that federates, and to one that does not. */
export function identitySuite(on: Road<Identity>, off: Road<Identity>): void {
  describe(`identity ${on.name}`, () => {
    test('shows who this cluster is, and the certificate of its node', async () => {
      const { service, close } = await on.make();
      const shown = await service.show({});
      expect(shown).toMatchObject({ name: 'lubeck', keyIndex: 0, federation: 'on' });
      expect(shown.problem).toBeUndefined();
      expect(shown.certificate?.serial).toBe(1);
      await close();
    });

    test('shows itself also without a usable key, with the code that says why', async () => {
      const { service, close } = await off.make();
      const shown = await service.show({});
      expect(shown).toMatchObject({ federation: 'off', problem: { code: 'KEY_MALFORMED' } });
      expect(shown.problem?.fix).toMatch(/restore the key file/);
      expect(shown.certificate).toBeUndefined();
      await close();
    });

    test('takes no input', async () => {
      const { service, close } = await on.make();
      const asked: object = { name: 'other' };
      const show = service.show({ ...asked });
      await expect(show).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await close();
    });
  });
}
