// What any Kinds must do, wherever it lives. The cluster behind the road is `lubeck`: it has no
// kind and no mirror.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { reservedKinds, type Kinds } from './contract.ts';
import type { Work } from './work.ts';

export function kindsSuite({ name: road, make }: Road<Kinds>): void {
  describe(`kinds of programs ${road}`, () => {
    const withKinds = async (act: (kinds: Kinds) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const checklist = { kind: 'checklist' };

    test('a kind is registered, listed, changed and removed', () =>
      withKinds(async (kinds) => {
        const schema = { type: 'object', properties: { done: { type: 'boolean' } } };
        const made = await kinds.register({ ...checklist, description: 'items', schema });
        expect(made).toMatchObject({ kind: 'checklist', description: 'items', schema });
        expect(made.provider).toBeUndefined();
        const limits = { opsMax: 2 };
        const changed = await kinds.register({ ...checklist, description: 'more', limits });
        expect(changed).toMatchObject({ description: 'more', limits, createdMs: made.createdMs });
        expect(changed.schema).toBeUndefined();
        await expect(kinds.list({})).resolves.toEqual({ kinds: [changed] });
        await expect(kinds.show(checklist)).resolves.toEqual(changed);
        await kinds.remove(checklist);
        await expect(kinds.show(checklist)).rejects.toMatchObject({ code: 'KIND_UNKNOWN' });
      }));

    test.each([...reservedKinds])('%s is a name that no program takes', (kind) =>
      withKinds(async (kinds) => {
        const taken = kinds.register({ kind });
        await expect(taken).rejects.toMatchObject({ code: 'KIND_RESERVED' });
      }),
    );

    test.each(['', 'Git', '1st', 'a/b', 'x'.repeat(33)])('"%s" is no name of a kind', (kind) =>
      withKinds(async (kinds) => {
        const named = kinds.register({ kind });
        await expect(named).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
    );

    test('resources of a kind are made, changed, read and deleted', () =>
      withKinds(async (kinds) => {
        await kinds.register(checklist);
        const list = { ...checklist, name: 'ship/fittings' };
        const made = await kinds.create({ ...list, type: 'fittings' });
        expect(made).toMatchObject({ name: 'ship/fittings', role: 'own', epoch: 1 });
        const ops = [
          { put: { key: 'b', value: 'sail' } },
          { put: { key: 'a', value: 'AP8', encoding: 'base64url' as const } },
        ];
        const first = await kinds.append({ ...list, ops });
        expect(first.sequence).toBeGreaterThan(made.sequence);
        await kinds.append({ ...list, ops: [{ put: { key: 'c', value: 'rope' } }] });
        const late = kinds.append({ ...list, ops, expect: first.sequence });
        await expect(late).rejects.toMatchObject({ code: 'CONFLICT' });
        await kinds.append({ ...list, ops: [{ delete: { key: 'b' } }] });
        const resource = { ...checklist, resource: 'ship/fittings' };
        await expect(collect(kinds.entries(resource))).resolves.toEqual([
          { key: 'a', value: 'AP8', encoding: 'base64url', blobs: [] },
          { key: 'c', value: 'rope', encoding: 'text', blobs: [] },
        ]);
        const { resources } = await kinds.resources(checklist);
        expect(resources).toMatchObject([{ name: 'ship/fittings', role: 'own' }]);
        await expect(kinds.remove(checklist)).rejects.toMatchObject({ code: 'KIND_IN_USE' });
        await kinds.delete(list);
        await kinds.remove(checklist);
      }));

    test('what is over a limit of the kind, or names a blob that is not here, is refused', () =>
      withKinds(async (kinds) => {
        await kinds.register({ ...checklist, limits: { valueBytesMax: 4, opsMax: 1 } });
        const list = { ...checklist, name: 'l' };
        await kinds.create(list);
        const put = (value: string, more = {}): Parameters<Kinds['append']>[0]['ops'][0] => ({
          put: { key: 'k', value, ...more },
        });
        const long = kinds.append({ ...list, ops: [put('12345')] });
        await expect(long).rejects.toMatchObject({ code: 'CHANGE_TOO_LARGE' });
        const many = kinds.append({ ...list, ops: [put('1'), { delete: { key: 'x' } }] });
        await expect(many).rejects.toMatchObject({ code: 'CHANGE_TOO_LARGE' });
        const blobs = ['0'.repeat(64)];
        const without = kinds.append({ ...list, ops: [put('1', { blobs })] });
        await expect(without).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
        const bell = kinds.append({ ...list, ops: [{ put: { key: '\u0007', value: '' } }] });
        await expect(bell).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        const bytes = kinds.append({ ...list, ops: [put('!', { encoding: 'base64url' })] });
        await expect(bytes).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }));

    test('one program serves a kind at a time; its own name or a takeover ends the one before', () =>
      withKinds(async (kinds) => {
        await kinds.register(checklist);
        const serve = (provider: string, takeover = false): AsyncIterator<Work> =>
          kinds.work({ ...checklist, provider, takeover })[Symbol.asyncIterator]();
        const first = serve('one');
        const { value: lease } = await first.next();
        expect(lease).toMatchObject({ type: 'lease' });
        await expect(kinds.show(checklist)).resolves.toMatchObject({ provider: { name: 'one' } });
        const told = first.next().catch((error: unknown) => error);
        await expect(serve('two').next()).rejects.toMatchObject({ code: 'KIND_PROVIDED' });
        const again = serve('one');
        await again.next();
        await expect(told).resolves.toMatchObject({ code: 'KIND_PROVIDED' });
        const toldAgain = again.next().catch((error: unknown) => error);
        const second = serve('two', true);
        await second.next();
        await expect(toldAgain).resolves.toMatchObject({ code: 'KIND_PROVIDED' });
        await second.return?.();
        await expect
          .poll(async () => (await kinds.show(checklist)).provider, { timeout: 5_000 })
          .toBeUndefined();
        expect((await kinds.show(checklist)).servedMs).toBeDefined();
      }));

    test('an answer that nobody waits for is WORK_OVER', () =>
      withKinds(async (kinds) => {
        await kinds.register(checklist);
        const work = '0'.repeat(32);
        const answer = { ...checklist, work, lease: work, accept: true };
        await expect(kinds.answer(answer)).rejects.toMatchObject({ code: 'WORK_OVER' });
        const items = kinds.work({ ...checklist, provider: 'one' })[Symbol.asyncIterator]();
        await items.next();
        await expect(kinds.answer(answer)).rejects.toMatchObject({ code: 'WORK_OVER' });
        const more = kinds.changes({ ...checklist, work, from: 0 });
        await expect(more).rejects.toMatchObject({ code: 'WORK_OVER' });
        await items.return?.();
      }));

    test('nobody serves, reads or fills a kind that is not registered', () =>
      withKinds(async (kinds) => {
        const unknown = { code: 'KIND_UNKNOWN' };
        const name = { ...checklist, name: 'l' };
        const serve = kinds.work({ ...checklist, provider: 'one' })[Symbol.asyncIterator]();
        await expect(serve.next()).rejects.toMatchObject(unknown);
        await expect(kinds.create(name)).rejects.toMatchObject(unknown);
        const ops = [{ delete: { key: 'k' } }];
        await expect(kinds.append({ ...name, ops })).rejects.toMatchObject(unknown);
        const read = collect(kinds.entries({ ...checklist, resource: 'l' }));
        await expect(read).rejects.toMatchObject(unknown);
      }));
  });
}
