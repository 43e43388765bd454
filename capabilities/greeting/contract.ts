// The smallest promise a node keeps: it greets, and tells whom it has greeted.
import { nameLengthMax, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';

export interface Greeted {
  readonly name: string;
  readonly words: string;
  /** How often this name has been greeted, this time included. */
  readonly count: number;
}

export interface Greeting {
  greet(input: { readonly name: string }, call?: Call): Promise<Greeted>;
  /** The last greeting of every name so far, then each new one. */
  greetings(input: Record<string, never>, call?: Call): AsyncIterable<Greeted>;
}

const nameSchema = z
  .string()
  .trim()
  .min(1)
  .max(nameLengthMax)
  .regex(/^\P{C}*$/u, 'a name has no control characters: it is printed on terminals');

const greetedSchema: z.ZodType<Greeted> = z.object({
  name: z.string(),
  words: z.string(),
  count: z.number().int().positive(),
});

export const greetingContract: Contract<Greeting> = {
  name: 'greeting',
  version: 1,
  methods: {
    greet: {
      summary: 'Greets somebody by name, and counts it.',
      permission: 'greeting.write',
      route: 'POST /greetings',
      input: z.object({ name: nameSchema }),
      output: greetedSchema,
      errors: ['CONFLICT'],
    },
    greetings: {
      watch: true,
      summary: 'The last greeting of every name so far, then each new one.',
      permission: 'greeting.read',
      route: 'GET /greetings',
      input: z.object({}),
      output: greetedSchema,
      errors: [],
    },
  },
};
