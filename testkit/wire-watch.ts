// Reads every frame between clusters for what it should not carry. Notes carry their resource's
// name in every value and every blob, in clear, so a search of the raw bytes finds them whatever
// the frame is, and no code of the clusters' own is believed.
import type { Verb } from '@hansa/capabilities/policies/contract';
import type { SharingModel } from './sharing-model.ts';
import type { TappedFrame } from './simulated-network.ts';

/** `lubeck.notes-3`: owner and number; what `contentOf` marks. */
const resourceName = /(content:|note\/)([a-z]+)\.([a-z]+-\d+)/g;

/** What every value and blob of a resource begins with. */
export function contentOf(name: string): string {
  return `content:${name}`;
}

export function createWireWatch(needs: {
  readonly model: SharingModel;
  breaks(sentence: string): void;
}): (frame: TappedFrame) => void {
  const { model, breaks } = needs;
  const known = new Set<string>();
  return ({ from, to, bytes, arriving }) => {
    for (const { mark, owner, name } of named(bytes)) {
      const may = (verbs: readonly Verb[]): boolean =>
        owner === from && model.may({ owner, peer: to, name, verbs });
      if (mark === 'content:' && !may(['pull'])) {
        breaks(`content of ${name} went from ${from} to ${to}, which may not have it`);
      }
      // Who asks for a name, or was told it once, learns nothing from hearing it again.
      const told = known.has(`${to} ${name}`) || owner === to;
      if (mark !== 'content:' && !told && !may(['see', 'pull'])) {
        breaks(`the name ${name} went from ${from} to ${to}, which may not see it`);
      }
      known.add(`${from} ${name}`).add(`${to} ${name}`);
    }
    if (arriving !== bytes) {
      named(arriving).forEach(({ name }) => known.add(`${from} ${name}`).add(`${to} ${name}`));
    }
  };
}

function named(
  bytes: Uint8Array,
): readonly { readonly mark: string; readonly owner: string; readonly name: string }[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return [...text.matchAll(resourceName)].map(([, mark = '', owner = '', rest = '']) => ({
    mark,
    owner,
    name: `${owner}.${rest}`,
  }));
}
