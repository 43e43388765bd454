// The old encoding of frames: a MessagePack map with the message's name as `type`. It is read, so
// that old clients are served, and never written.
import { isHansaError } from '@hansa/foundation';

import { featureByte, featuresOf } from './codes.ts';
import { Cursor } from './cursor.ts';
import { bundleMember } from './encode.ts';
import { Fields } from './legacy-fields.ts';
import { malformed } from './malformed.ts';
import {
  federationOps,
  gesturePhases,
  type BundleMessage,
  type FederationMessage,
  type GesturePhase,
  type PublishMessage,
  type SetMessage,
  type SignalDefinition,
  type SignalMessage,
  type SignalMeta,
  type SnapshotParam,
  type SubscribeMessage,
} from './messages.ts';
import { unpack, type Unpacked } from './msgpack.ts';
import { samplesOf } from './values.ts';

type Reader = (fields: Fields) => SignalMessage;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['HELLO', (fields) => ({ type: 'hello', ...greeting(fields) })],
  [
    'WELCOME',
    (fields) => ({
      type: 'welcome',
      ...greeting(fields),
      time: fields.whole('time'),
      session: fields.text('session'),
    }),
  ],
  [
    'ANNOUNCE',
    (fields) => ({
      type: 'announce',
      namespace: fields.text('namespace'),
      signals: fields.list('signals').map(definition),
    }),
  ],
  ['FEDERATION_SYNC', federation],
  ['SUBSCRIBE', subscribe],
  ['UNSUBSCRIBE', (fields) => ({ type: 'unsubscribe', id: id(fields) })],
  ['PUBLISH', publish],
  ['SET', set],
  ['GET', (fields) => ({ type: 'get', address: fields.text('address') })],
  ['SNAPSHOT', (fields) => ({ type: 'snapshot', params: fields.list('params').map(param) })],
  [
    'REPLAY',
    (fields) => ({
      type: 'replay',
      pattern: fields.text('pattern'),
      from: fields.wholeMaybe('from'),
      to: fields.wholeMaybe('to'),
      limit: fields.shortWholeMaybe('limit'),
      types: fields.mask('types'),
    }),
  ],
  ['BUNDLE', bundle],
  [
    'SYNC',
    (fields) => ({
      type: 'sync',
      t1: fields.whole('t1'),
      t2: fields.wholeMaybe('t2'),
      t3: fields.wholeMaybe('t3'),
    }),
  ],
  ['PING', () => ({ type: 'ping' })],
  ['PONG', () => ({ type: 'pong' })],
  [
    'ACK',
    (fields) => ({
      type: 'ack',
      address: fields.textMaybe('address'),
      revision: fields.wholeMaybe('revision'),
      locked: fields.flagMaybe('locked'),
      holder: fields.textMaybe('holder'),
      correlationId: fields.shortWholeMaybe('correlation_id'),
    }),
  ],
  [
    'ERROR',
    (fields) => ({
      type: 'error',
      code: Math.min(fields.whole('code'), 0xffff),
      message: fields.text('message'),
      address: fields.textMaybe('address'),
      correlationId: fields.shortWholeMaybe('correlation_id'),
    }),
  ],
  ['QUERY', (fields) => ({ type: 'query', pattern: fields.text('pattern') })],
  ['RESULT', (fields) => ({ type: 'result', signals: fields.list('signals').map(definition) })],
]);

/** Whether the payload begins as a MessagePack map does; no code of the compact encoding does. */
export function isLegacy(payload: Uint8Array): boolean {
  const first = payload[0] ?? 0;
  return (first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf;
}

export function decodeLegacy(payload: Uint8Array): SignalMessage {
  try {
    return message(unpack(new Cursor(payload)));
  } catch (error) {
    // Small numbers have one byte there and nine here.
    throw isHansaError(error, 'SIGNAL_FRAME_TOO_LARGE')
      ? malformed('a legacy frame holds more than a frame in the compact encoding can')
      : error;
  }
}

function message(unpacked: Unpacked): SignalMessage {
  const fields = Fields.of(unpacked);
  const name = fields.text('type');
  const reader = readers.get(name);
  if (reader === undefined) {
    throw malformed('a legacy frame holds a message that is not known');
  }
  return reader(fields);
}

function greeting(fields: Fields): Omit<Extract<SignalMessage, { type: 'hello' }>, 'type'> {
  const token = fields.textMaybe('token');
  return {
    version: Math.min(fields.whole('version'), 0xff),
    features: featuresOf(featureByte(fields.texts('features'))),
    name: fields.text('name'),
    ...(token === undefined || token === '' ? {} : { token }),
  };
}

function id(fields: Fields): number {
  return fields.shortWholeMaybe('id') ?? fields.whole('id');
}

function definition(unpacked: Unpacked): SignalDefinition {
  const fields = Fields.of(unpacked);
  const meta = fields.fieldsMaybe('meta');
  return {
    address: fields.text('address'),
    signal: fields.signalMaybe('type') ?? 'event',
    datatype: fields.textMaybe('datatype'),
    access: fields.textMaybe('access'),
    meta: meta === undefined ? undefined : definitionMeta(meta),
  };
}

function definitionMeta(fields: Fields): SignalMeta {
  const range = fields.floats('range');
  if (range !== undefined && range.length !== 2) {
    throw malformed('a range in a legacy frame has not two ends');
  }
  return {
    unit: fields.textMaybe('unit'),
    range: range === undefined ? undefined : { min: range[0] ?? 0, max: range[1] ?? 0 },
    default: fields.valueMaybe('default'),
    description: fields.textMaybe('description'),
  };
}

const federationNames: readonly string[] = [
  'DeclareNamespaces',
  'RequestSync',
  'RevisionVector',
  'SyncComplete',
];

function federation(fields: Fields): FederationMessage {
  const op = federationOps[federationNames.indexOf(fields.text('op'))];
  if (op === undefined) {
    throw malformed('a federation message has an operation that is not known');
  }
  return {
    type: 'federation',
    op,
    patterns: fields.texts('patterns'),
    revisions: fields.numbers('revisions').map(([address, revision]) => ({ address, revision })),
    since: fields.wholeMaybe('since_revision'),
    origin: fields.textMaybe('origin'),
  };
}

function subscribe(fields: Fields): SubscribeMessage {
  const options = fields.fieldsMaybe('options');
  return {
    type: 'subscribe',
    id: id(fields),
    pattern: fields.text('pattern'),
    types: fields.mask('types'),
    maxRate: options?.shortWholeMaybe('max_rate'),
    epsilon: options?.floatMaybe('epsilon'),
    history: options?.shortWholeMaybe('history'),
    window: options?.shortWholeMaybe('window'),
  };
}

function publish(fields: Fields): PublishMessage {
  const samples = fields.floats('samples');
  const value = fields.valueMaybe('value') ?? fields.valueMaybe('payload');
  return {
    type: 'publish',
    address: fields.text('address'),
    signal: fields.signalMaybe('signal'),
    phase: phase(fields.textMaybe('phase')),
    value,
    samples: samples === undefined || value !== undefined ? undefined : samplesOf(samples),
    timestamp: fields.wholeMaybe('timestamp'),
    id: fields.shortWholeMaybe('id'),
    rate: fields.shortWholeMaybe('rate'),
  };
}

function phase(name: string | undefined): GesturePhase {
  return gesturePhases.find((known) => known === name) ?? 'start';
}

function set(fields: Fields): SetMessage {
  return {
    type: 'set',
    address: fields.text('address'),
    value: fields.value('value'),
    revision: fields.wholeMaybe('revision'),
    lock: fields.flag('lock'),
    unlock: fields.flag('unlock'),
    ttl: fields.ttlMaybe('ttl'),
  };
}

function param(unpacked: Unpacked): SnapshotParam {
  const fields = Fields.of(unpacked);
  return {
    address: fields.text('address'),
    value: fields.value('value'),
    revision: fields.whole('revision'),
    writer: fields.textMaybe('writer'),
    timestamp: fields.wholeMaybe('timestamp'),
  };
}

/** Its members are given in the compact encoding, so that they can be passed on. */
function bundle(fields: Fields): BundleMessage {
  const members = fields.list('messages').map((member) => bundleMember(message(member)));
  return { type: 'bundle', timestamp: fields.wholeMaybe('timestamp'), members };
}
