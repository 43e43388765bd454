// What commands that show news have in common: which kinds are asked for, and a line for each.
import { HansaError, listOption, type CommandContext } from '@hansa/foundation';
import { valueText } from './cli-door.ts';
import { signalKinds, type SignalKind, type SignalNews } from './contract.ts';

export function typesOf(context: CommandContext): readonly SignalKind[] {
  const given = listOption(context, 'types').flatMap((each) => each.split(','));
  return given.map((each) => oneOf(signalKinds, each.trim(), 'param') as SignalKind);
}

export function oneOf(
  words: readonly string[],
  given: string | undefined,
  otherwise: string,
): string {
  if (given !== undefined && !words.includes(given)) {
    throw new HansaError('USAGE', `"${given}" is none of ${words.join(', ')}`);
  }
  return given ?? otherwise;
}

export function newsLine({
  kind,
  address,
  value,
  samples,
  revision,
  phase,
  id,
}: SignalNews): string {
  const said = samples === undefined ? value : samples;
  const words = said === undefined ? '' : ` ${valueText(said)}`;
  const touch = phase === undefined ? '' : ` ${phase}${id === undefined ? '' : ` ${id}`}`;
  const after = revision === undefined ? '' : `  (revision ${revision})`;
  return kind === 'param' ? `${address} =${words}${after}` : `${address} ${kind}${touch}${words}`;
}
