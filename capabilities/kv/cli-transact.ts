// `hansa kv transact`: conditions and writes from flags, or the whole transaction from a file.
import {
  fromUtf8,
  HansaError,
  listOption,
  remote,
  requiredArgument,
  textOption,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { compareOptions, givenCompares, pairs } from './cli-compares.ts';
import type { KvTerminal } from './cli-terminal.ts';
import { preview } from './cli-values.ts';
import {
  kvContract,
  type KvCompare,
  type KvOp,
  type KvOpResult,
  type Transacted,
} from './contract.ts';

interface Given {
  readonly if: readonly KvCompare[];
  readonly then: readonly KvOp[];
  readonly else?: readonly KvOp[];
}

const conflict = 5; // as CONFLICT exits

export function transactCommand(terminal: KvTerminal): Command {
  return {
    noun: 'kv',
    verb: 'transact',
    summary: 'Write several keys in one step, where all conditions hold; else what --else-… says.',
    args: [{ name: '<space>', description: 'an own space' }],
    options: [
      ...compareOptions,
      { flags: '--put <key=text...>', description: 'then write it' },
      { flags: '--delete <key...>', description: 'then delete it' },
      { flags: '--get <key...>', description: 'then answer with what it was before' },
      { flags: '--else-put <key=text...>', description: 'otherwise write it' },
      { flags: '--else-delete <key...>', description: 'otherwise delete it' },
      { flags: '--else-get <key...>', description: 'otherwise answer with it' },
      { flags: '--file <path>', description: 'JSON with "if", "then" and "else" instead' },
    ],
    examples: [
      'hansa kv transact config --if-version port=3 --put port=8080 --put host=lubeck',
      'hansa kv transact locks --if-absent leader --put leader=ann --else-get leader',
    ],
    async run(context) {
      const space = requiredArgument(context, 'space');
      const path = textOption(context, 'file');
      const flags = Object.entries(context.options).filter(([, value]) => value !== undefined);
      if (path !== undefined && flags.length > 1) {
        throw new HansaError('USAGE', '--file says everything: no other option goes with it');
      }
      const given = path === undefined ? fromFlags(context) : await fromFile(terminal, path);
      const { signal } = context;
      const data = await remote(kvContract, context.carrier).transact(
        { ...given, space },
        { signal },
      );
      const unheard = !data.succeeded && (given.else ?? []).length === 0;
      return { data, view: transactedView(data), exit: unheard ? conflict : 0 };
    },
  };
}

function fromFlags(context: CommandContext): Given {
  const compares = givenCompares(context);
  const then = ops(context, ['put', 'delete', 'get']);
  const otherwise = ops(context, ['elsePut', 'elseDelete', 'elseGet']);
  if (then.length + otherwise.length === 0) {
    throw new HansaError('USAGE', 'nothing to do: give --put, --delete, --get or --file');
  }
  return { if: compares, then, ...(otherwise.length === 0 ? {} : { else: otherwise }) };
}

function ops(
  context: CommandContext,
  [put, drop, get]: readonly [put: string, drop: string, get: string],
): readonly KvOp[] {
  const puts = pairs(context, put, put.replace('elsePut', 'else-put'));
  return [
    ...puts.map(([key, text]): KvOp => ({ put: { key, text } })),
    ...listOption(context, drop).map((key): KvOp => ({ delete: { key } })),
    ...listOption(context, get).map((key): KvOp => ({ get: { key } })),
  ];
}

/** Its shape is the contract's to judge; that it is JSON at all is told here. */
async function fromFile(terminal: KvTerminal, path: string): Promise<Given> {
  try {
    return JSON.parse(fromUtf8(await terminal.read(path))) as Given;
  } catch (cause) {
    if (cause instanceof HansaError) {
      throw cause;
    }
    throw new HansaError('INPUT_INVALID', `${path} is no JSON`, { cause });
  }
}

export function resultsView(results: readonly KvOpResult[]): CommandView {
  return {
    kind: 'table',
    columns: ['DONE', 'KEY', 'RESULT'],
    rows: results.map(resultRow),
    empty: 'Nothing was written.',
  };
}

function transactedView({ succeeded, results }: Transacted): CommandView {
  return {
    kind: 'stack',
    views: [
      { kind: 'text', text: succeeded ? 'All conditions hold.' : 'A condition does not hold.' },
      resultsView(results),
    ],
  };
}

function resultRow(result: KvOpResult): readonly string[] {
  if ('put' in result) {
    return ['put', result.put.key, `version ${result.put.version}`];
  }
  if ('delete' in result) {
    return ['delete', result.delete.key, result.delete.deleted ? 'deleted' : 'was not there'];
  }
  const { key, entry } = result.get;
  return ['get', key, entry === null ? 'not there' : preview(entry)];
}
