// A contract's schemas as JSON Schema, with the one thing that it lacks: bytes.
import { z } from 'zod';
import type { AnyContract } from '../../foundation/contract.ts';
import { byteLengthsOf } from './byte-lengths.ts';
import type { JsonSchema } from './shape.ts';

export type AnyMethod = AnyContract['methods'][string];

export function schemaJson(schema: AnyMethod['input'], io: 'input' | 'output'): JsonSchema {
  const made = schema.toJSONSchema({
    unrepresentable: 'any',
    io,
    cycles: 'ref',
    override({ zodSchema, jsonSchema }) {
      if (zodSchema._zod.def.type !== 'custom') {
        return;
      }
      const lengths = byteLengthsOf((bytes) => z.core.safeParse(zodSchema, bytes).success);
      if (lengths !== undefined) {
        const { min, max } = lengths;
        Object.assign(jsonSchema, { type: 'bytes', minLength: min, maxLength: max });
      }
    },
  });
  // Through text: the library's own type is that of every JSON Schema ever written.
  const json: JsonSchema = JSON.parse(JSON.stringify(made));
  return json;
}
