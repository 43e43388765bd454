// Reads every frame between clusters for what it should not carry. Notes carry their resource's name
// in every value and every blob, in clear, so a search of the raw bytes finds them whatever the frame
// is, and no code of the clusters' own is believed.
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
  return ({ from, to, bytes }) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    for (const [, mark, owner = '', rest = ''] of text.matchAll(resourceName)) {
      const name = `${owner}.${rest}`;
      if (mark === 'content:') {
        if (owner !== from || !model.may({ owner, peer: to, name, verbs: ['pull'] })) {
          breaks(`content of ${name} went from ${from} to ${to}, which may not have it`);
        }
        continue;
      }
      // Who asks for a name, or was told it once, learns nothing from hearing it again.
      known.add(`${from} ${name}`);
      if (known.has(`${to} ${name}`) || owner === to) {
        continue;
      }
      if (owner !== from || !model.may({ owner, peer: to, name, verbs: ['see', 'pull'] })) {
        breaks(`the name ${name} went from ${from} to ${to}, which may not see it`);
      }
      known.add(`${to} ${name}`);
    }
  };
}
