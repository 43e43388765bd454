// Reads every frame between clusters for what it should not carry. Notes carry their resource's
// name in every value and every blob, in clear, so a search of the raw bytes finds them whatever
// the frame is, and no code of the clusters' own is believed.
import type { Verb } from '@hansa/capabilities/policies/contract';
import type { SharingModel } from './sharing-model.ts';
import type { TappedFrame } from './simulated-network.ts';

const contentMark = 'content:';
const marks: readonly Buffer[] = [contentMark, 'note/', 'kv/'].map((mark) => Buffer.from(mark));
/** `lubeck.note-3`: owner and number; what `contentOf` marks. */
const resourceName = /^([a-z]+)\.([a-z]+-\d+)/;
const nameMax = 64; // longer than any that a story gives

/** What every value and blob of a resource begins with. */
export function contentOf(name: string): string {
  return `${contentMark}${name}`;
}

export function createWireWatch(needs: {
  readonly model: SharingModel;
  breaks(sentence: string): void;
}): (frame: TappedFrame) => void {
  const { model, breaks } = needs;
  const known = new Set<string>();
  return ({ from, to, bytes, arriving, traffic }) => {
    // The door is on the control stream; whoever is barred never comes as far as to the others.
    if (traffic !== undefined && traffic !== 'control' && model.bars(from, to)) {
      breaks(`${from} sent ${bytes.length} bytes of ${traffic} to ${to}, which it has blocked`);
    }
    for (const { mark, owner, name } of named(bytes)) {
      const may = (verbs: readonly Verb[]): boolean =>
        owner === from && model.may({ owner, peer: to, name, verbs });
      // What comes back to its owner, by a lane or as its own words, is no secret from it.
      if (mark === contentMark && owner !== to && !may(['pull'])) {
        breaks(`content of ${name} went from ${from} to ${to}, which may not have it`);
      }
      // Who asks for a name, or was told it once, learns nothing from hearing it again.
      const told = known.has(`${to} ${name}`) || owner === to;
      if (mark !== contentMark && !told && !may(['see', 'pull'])) {
        breaks(`the name ${name} went from ${from} to ${to}, which may not see it`);
      }
      known.add(`${from} ${name}`).add(`${to} ${name}`);
    }
    if (arriving !== bytes) {
      named(arriving).forEach(({ name }) => known.add(`${from} ${name}`).add(`${to} ${name}`));
    }
  };
}

interface Named {
  readonly mark: string;
  readonly owner: string;
  readonly name: string;
}

/** Bytes are searched as they are: most frames hold no mark, and large ones hold one. */
function named(bytes: Uint8Array): readonly Named[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Named[] = [];
  for (const mark of marks) {
    let at = buffer.indexOf(mark);
    while (at >= 0) {
      const from = at + mark.length;
      const spelled = resourceName.exec(buffer.toString('latin1', from, from + nameMax));
      if (spelled !== null) {
        const [whole, owner = ''] = spelled;
        found.push({ mark: mark.toString(), owner, name: whole });
      }
      at = buffer.indexOf(mark, from);
    }
  }
  return found;
}
