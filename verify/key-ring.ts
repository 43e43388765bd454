// Whose keys are known, and from when to when: a cluster's first key is its id, every later one
// stands in its key log (protocol/identity.md).
import { demand, moment, Problem, short } from './problem.ts';
import { bytes, has, id, inner, nodes, whole, type Node } from './shape.ts';
import { isSigned } from './signature.ts';
import { hash, layOut } from './transcript.ts';

const skewMs = 60_000; // protocol/identity.md: clocks differ by so much

/** One step of a log. */
interface Step {
  readonly key: string;
  readonly nextKeyHash: string;
  readonly createdMs: number;
}

export interface KeyRing {
  /** Takes in a log that verifies and contradicts none before it. */
  learn(log: Node): { readonly cluster: string; readonly rotations: number };
  /** The key of an index, unless it was rotated away when the statement was dated. */
  signing(cluster: string, claim: { readonly keyIndex: number; readonly atMs: number }): Buffer;
}

export function createKeyRing(): KeyRing {
  const logs = new Map<string, readonly Step[]>();
  return {
    learn(log) {
      const { cluster, steps } = readLog(log);
      const known = logs.get(cluster) ?? [];
      steps.forEach((step, index) => {
        const other = known[index];
        demand(
          other === undefined || same(step, other),
          `two key logs of ${short(cluster)} differ at key ${index}: its keys are forked`,
        );
      });
      logs.set(cluster, steps.length > known.length ? steps : known);
      return { cluster, rotations: steps.length - 1 };
    },
    signing(cluster, { keyIndex, atMs }) {
      const steps = logs.get(cluster);
      const key = steps?.[keyIndex]?.key ?? (keyIndex === 0 ? cluster : undefined);
      if (key === undefined) {
        throw new Problem(
          `it names key ${keyIndex} of ${short(cluster)}, and no key log here reaches it`,
        );
      }
      const after = steps?.[keyIndex + 1];
      demand(
        after === undefined || atMs <= after.createdMs + skewMs,
        `it is dated ${moment(atMs)}, after ${short(cluster)} had rotated key ${keyIndex} away`,
      );
      return Buffer.from(key, 'hex');
    },
  };
}

function same(one: Step, other: Step): boolean {
  return (
    one.key === other.key &&
    one.nextKeyHash === other.nextKeyHash &&
    one.createdMs === other.createdMs
  );
}

function readLog(log: Node): { readonly cluster: string; readonly steps: readonly Step[] } {
  const inception = inner(log, 'inception');
  const cluster = id(inception, 'cluster');
  const first: Step = {
    key: cluster,
    nextKeyHash: id(inception, 'nextKeyHash'),
    createdMs: whole(inception, 'createdMs'),
  };
  const born = layOut(
    'hansa/inception/1',
    Buffer.from(cluster, 'hex'),
    Buffer.from(first.nextKeyHash, 'hex'),
    first.createdMs,
  );
  demand(
    isSigned(Buffer.from(cluster, 'hex'), born, bytes(inception, 'signature', 64)),
    `the inception of ${short(cluster)} is not signed by its first key`,
  );
  const steps = [first];
  for (const rotation of nodes(log, 'rotations')) {
    steps.push(nextStep(rotation, { cluster, steps }));
  }
  return { cluster, steps };
}

function nextStep(
  rotation: Node,
  { cluster, steps }: { readonly cluster: string; readonly steps: readonly Step[] },
): Step {
  const index = steps.length;
  const before = steps[index - 1];
  const key = bytes(rotation, 'key', 32);
  const nextKeyHash = bytes(rotation, 'nextKeyHash', 32);
  const createdMs = whole(rotation, 'createdMs');
  const named = `rotation ${index} of ${short(cluster)}`;
  demand(id(rotation, 'cluster') === cluster, `${named} names another cluster`);
  demand(whole(rotation, 'keyIndex') === index, `${named} does not follow the one before it`);
  demand(
    before !== undefined && hash(key).toString('hex') === before.nextKeyHash,
    `${named} reveals another key than was promised`,
  );
  demand(createdMs >= before.createdMs, `${named} is dated before what it follows`);
  const signed = layOut(
    'hansa/rotation/1',
    Buffer.from(cluster, 'hex'),
    index,
    key,
    nextKeyHash,
    createdMs,
  );
  demand(
    isSigned(key, signed, bytes(rotation, 'signature', 64)),
    `${named} is not signed by the key that it reveals`,
  );
  demand(
    !has(rotation, 'previousSignature') ||
      isSigned(Buffer.from(before.key, 'hex'), signed, bytes(rotation, 'previousSignature', 64)),
    `${named} has a false signature of the key before it`,
  );
  return { key: key.toString('hex'), nextKeyHash: nextKeyHash.toString('hex'), createdMs };
}
