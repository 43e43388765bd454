import { expect, test } from 'vitest';
import { createRig } from './router-rig.suite.ts';

test('a HELLO is answered by WELCOME and at least one SNAPSHOT, in that order', async () => {
  const rig = createRig({ options: { name: 'R' } });
  const line = rig.line();
  line.say({ type: 'hello', version: 99, features: ['param'], name: 'x' });
  expect(line.types).toEqual(['welcome', 'snapshot']);
  const [welcome] = line.messages('welcome');
  expect(welcome).toMatchObject({ version: 1, name: 'R', time: rig.clock.now() * 1_000 });
  expect(welcome?.session).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
