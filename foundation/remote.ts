// A service that lives elsewhere, with the type it has here: the client half of every contract.
import { mapItems } from './cancellable.ts';
import type { AnyContract, Call, Carrier, Contract, Method, Watch } from './contract.ts';
import { HansaError } from './errors.ts';
import { schemaSentence } from './schema-sentence.ts';

// oxlint-disable-next-line typescript/no-explicit-any
type Promised = Method<any, any> | Watch<any, any>;

/**
 * Every method of the contract, calling through the carrier; answers are checked again on this
 * side.
 */
export function remote<S extends object>(contract: Contract<S>, carrier: Carrier): S {
  // While S is open, the compiler cannot see that a table with a row per method is a table of rows.
  const known = contract as unknown as AnyContract;
  const methods = Object.entries(known.methods).map(([method, promised]) => [
    method,
    promised.watch === true
      ? (input: unknown, call: Call = {}) => {
          const items = carrier.watch(known, method, input, call);
          return mapItems(items, (item) => checked(`${known.name}.${method}`, promised, item));
        }
      : async (input: unknown, call: Call = {}) => {
          const answer = await carrier.call(known, method, input, call);
          return checked(`${known.name}.${method}`, promised, answer);
        },
  ]);
  return Object.fromEntries(methods) as S;
}

function checked(name: string, promised: Promised, answer: unknown): unknown {
  const parsed = promised.output.safeParse(answer);
  if (parsed.success) {
    return parsed.data;
  }
  // JSON has no undefined: where a method promises nothing, its answer arrives as null.
  if (answer === null && promised.output.safeParse(undefined).success) {
    return undefined;
  }
  const complaint = schemaSentence(parsed.error);
  throw new HansaError('OUTPUT_INVALID', `${name} answered outside its contract: ${complaint}`);
}
