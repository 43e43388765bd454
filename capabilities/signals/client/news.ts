// What a router tells, as those who watch are told of it.
import type { ShownParam, SignalNews } from '../contract.ts';
import type { PublishMessage, SignalMessage, SnapshotParam } from '../frames/messages.ts';
import { samplesFrom } from '../frames/values.ts';
import { shownNumber, shownValue } from './shown.ts';

const microseconds = 1_000; // of one millisecond

export function shownParam({
  address,
  value,
  revision,
  writer,
  timestamp,
}: SnapshotParam): ShownParam {
  return {
    address,
    value: shownValue(value),
    revision,
    ...(writer === undefined ? {} : { writer }),
    ...(timestamp === undefined ? {} : { writtenMs: Math.floor(timestamp / microseconds) }),
  };
}

/** Nothing, where it is an answer to something. */
export function newsOf(message: SignalMessage): readonly SignalNews[] {
  switch (message.type) {
    case 'snapshot':
      return message.params.map(({ address, value, revision }) => ({
        kind: 'param',
        address,
        value: shownValue(value),
        revision,
        stood: true,
      }));
    case 'set': {
      const { address, value, revision } = message;
      const more = revision === undefined ? {} : { revision };
      return [{ kind: 'param', address, value: shownValue(value), ...more }];
    }
    case 'publish':
      return [published(message)];
    case 'bundle':
      return message.members.flatMap((member) => newsOf(member.message));
    default:
      return [];
  }
}

function published(message: PublishMessage): SignalNews {
  const { address, signal = 'event', value, samples, phase, id, rate, timestamp } = message;
  const isTouch = signal === 'gesture';
  return {
    kind: signal,
    address,
    ...(value === undefined ? {} : { value: shownValue(value) }),
    ...(samples === undefined ? {} : { samples: samplesFrom(samples).map(shownNumber) }),
    ...(rate === undefined ? {} : { rate }),
    ...(isTouch && phase !== undefined ? { phase } : {}),
    ...(id === undefined ? {} : { id }),
    ...(timestamp === undefined ? {} : { sentMs: Math.floor(timestamp / microseconds) }),
  };
}
