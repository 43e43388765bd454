import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnyContract, Contract } from '../foundation/contract.ts';
import { boundsIn, boundsOf, boundsPage } from './docs/bounds.ts';
import {
  movedContracts,
  recordedWith,
  shapeHash,
  withoutUnreleased,
} from './docs/contract-hashes.ts';
import { contractPage } from './docs/contract-page.ts';
import { errorPage } from './docs/error-page.ts';
import { limitsOf } from './docs/limits.ts';
import { peerContracts } from './docs/contracts.ts';
import { makePages, readRecorded, stalePages } from './docs/pages.ts';
import { shapeOf } from './docs/shape.ts';

interface Doors {
  open(input: { door: string; wide?: boolean | undefined }): Promise<{ open: boolean }>;
  changes(input: Record<string, never>): AsyncIterable<'open' | 'shut'>;
}

const doors: Contract<Doors> = {
  name: 'doors',
  version: 2,
  methods: {
    open: {
      summary: 'Opens a door.',
      permission: 'doors.write',
      route: 'POST /doors/:door',
      input: z.strictObject({ door: z.string(), wide: z.boolean().optional() }),
      output: z.object({ open: z.boolean() }),
      errors: ['FORBIDDEN'],
    },
    changes: {
      watch: true,
      summary: 'Tells every change.',
      permission: 'doors.read',
      route: 'GET /doors/changes',
      input: z.strictObject({}),
      output: z.enum(['open', 'shut']),
      errors: [],
    },
  },
};

const root = fileURLToPath(new URL('..', import.meta.url));
const room = { capability: 'doors', rooms: ['capabilities/doors/contract.ts'] };

describe('reference pages', () => {
  it('the committed pages are what the generator makes', async () => {
    const pages = await makePages(root);
    const stale = stalePages(root, pages);
    expect(stale, 'npm run docs').toEqual([]);
  });

  it('a contract page tells method, permission, route, shapes and errors', () => {
    const page = contractPage({ ...room, contracts: [doors], limits: [] });
    expect(page).toContain('### doors.open\n\nOpens a door.\n');
    expect(page).toContain('* Permission: `doors.write`\n* Route: `POST /doors/:door`\n');
    expect(page).toContain('* Takes: `{ door: string, wide?: boolean }`\n');
    expect(page).toContain('* Errors: [FORBIDDEN](errors.md#forbidden)\n');
    expect(page).toContain('* Gives, again and again: `"open" | "shut"`\n');
  });

  it('a limit is told with the reason beside or above it', () => {
    const text = [
      'export const doorsMax = 8; // as many as a wall holds',
      '// A long reason that',
      '// takes two lines.',
      'export const wallsMax: number = 2 * 2;',
      'export const name = "no limit";',
      '',
    ].join('\n');
    const numbers = new Map([
      ['doorsMax', 8],
      ['wallsMax', 4],
    ]);
    const limits = limitsOf(text, numbers);
    expect(limits).toEqual([
      { name: 'doorsMax', value: 8, reason: 'as many as a wall holds' },
      { name: 'wallsMax', value: 4, reason: 'A long reason that takes two lines.' },
    ]);
    const page = contractPage({ ...room, contracts: [], limits });
    expect(page).toContain('| `doorsMax` | 8 | as many as a wall holds |');
  });

  it('the page of errors tells status, exit code and what to do', () => {
    const page = errorPage({ A_B: { status: 404, exit: 3, meaning: 'it is gone', fix: 'look' } });
    expect(page).toContain('## A_B\n\nIt is gone. HTTP status 404, exit code 3.\n');
    expect(page).toContain('*What to do:* look.');
  });

  it('a long shape takes a line for every field', () => {
    const words = Array.from({ length: 8 }, (_, at) => `a-rather-long-word-${at}`);
    const shape = shapeOf({
      type: 'object',
      properties: { word: { type: 'string', enum: words }, next: { type: 'boolean' } },
      required: ['next'],
    });
    expect(shape.split('\n').slice(0, 3)).toEqual([
      '{',
      '  word?:',
      '    | "a-rather-long-word-0"',
    ]);
    expect(shape.endsWith('\n  next: boolean\n}')).toBe(true);
  });

  it.each([
    [{ type: ['string', 'null'] }, 'string | null'],
    [
      { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } },
      '(string | number)[]',
    ],
    [{ type: 'array', prefixItems: [{ type: 'number' }, { const: 1 }] }, '[number, 1]'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, '{ [name]: number }'],
    [{ type: 'object', additionalProperties: false }, '{}'],
    [{}, 'any'],
  ])('the shape of %j is %s', (schema, shape) => {
    expect(shapeOf(schema)).toBe(shape);
  });
});

describe('the page of limits', () => {
  it('every named bound of the product has a reason', () => {
    const silent = boundsIn(root).filter(({ reason }) => reason === '');
    expect(silent.map(({ file, name }) => `${file}: ${name} has no reason beside it`)).toEqual([]);
  });

  it('tells value, reason and place, also of bounds that nobody else may read', () => {
    const text = 'const hingesMax: number = 2 * 1_024; // as many as a door bears\n';
    const [bound] = boundsOf('capabilities/doors/service.ts', text);
    expect(bound).toMatchObject({ name: 'hingesMax', value: '2,048', exported: false });
    expect(boundsPage(bound === undefined ? [] : [bound])).toContain(
      '| `hingesMax` | 2,048 | as many as a door bears | `capabilities/doors/service.ts` |',
    );
  });
});

describe('the wire of peer contracts', () => {
  const wire: AnyContract = {
    ...doors,
    name: 'doors-peer',
    methods: { open: { ...doors.methods.open, permission: 'peer' } },
  };
  const { open } = wire.methods;
  const moved: AnyContract = {
    ...wire,
    methods: { open: { ...doors.methods.open, input: z.object({ door: z.string().max(8) }) } },
  };

  it('has not moved without a version', async () => {
    expect(movedContracts(readRecorded(root), await peerContracts(root))).toEqual([]);
  });

  it('is another one when a shape, an error or a stream is, and the same under another summary', () => {
    const told = { ...wire, methods: { open: { ...doors.methods.open, summary: 'Else.' } } };
    const bulk: AnyContract = { ...wire, traffic: 'bulk' };
    const failing = { ...wire, methods: { open: { ...doors.methods.open, errors: [] } } };
    expect(open).toBeDefined();
    expect(shapeHash(told)).toBe(shapeHash(wire));
    const hashes = [wire, moved, bulk, failing].map((one) => shapeHash(one));
    expect(new Set(hashes).size).toBe(4);
  });

  it('tells bytes of one length from bytes of another', () => {
    const taking = (length: number): AnyContract => ({
      ...wire,
      methods: {
        open: {
          ...doors.methods.open,
          input: z.custom<Uint8Array>((it) => it instanceof Uint8Array && it.length === length),
        },
      },
    });
    expect(shapeHash(taking(32))).not.toBe(shapeHash(taking(64)));
  });

  it('is recorded once for every version, and an old line is never written again', () => {
    const first = recordedWith({}, [wire]);
    expect(first['doors-peer']).toEqual([{ version: 2, hash: shapeHash(wire) }]);
    expect(recordedWith(first, [moved])).toEqual(first);
    expect(movedContracts(first, [moved])[0]).toContain('moved without a version');
    const next = recordedWith(first, [{ ...moved, version: 3 }]);
    expect(next['doors-peer']?.map(({ version }) => version)).toEqual([2, 3]);
    expect(movedContracts(next, [{ ...moved, version: 3 }])).toEqual([]);
    expect(recordedWith(next, [])).toEqual(next);
  });

  it('may be recorded anew only where no release has the version', () => {
    const released = { version: 1, hash: 'a', released: true };
    const recorded = { 'doors-peer': [released, { version: 2, hash: 'b' }] };
    expect(withoutUnreleased(recorded)).toEqual({ 'doors-peer': [released] });
  });
});
