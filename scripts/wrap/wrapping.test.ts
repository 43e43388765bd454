import { describe, expect, it } from 'vitest';
import { wrapComments } from './wrapping.ts';

const word = 'abcdefghi'; // with its space, ten columns
const wide = Array.from({ length: 12 }, () => word).join(' ');
const ten = Array.from({ length: 9 }, () => word).join(' ');
const three = Array.from({ length: 3 }, () => word).join(' ');

describe('wrapping comments', () => {
  it('a paragraph with a line too wide is set anew', () => {
    expect(wrapComments('a.ts', `// ${wide}\n// more\ngo();\n`)).toBe(
      `// ${ten}\n// ${three} more\ngo();\n`,
    );
  });

  it('a doc comment on one line becomes a block', () => {
    expect(wrapComments('a.ts', `  /** ${wide} */\n  go();\n`)).toBe(
      `  /**\n   * ${ten}\n   * ${three}\n   */\n  go();\n`,
    );
  });

  it('a reason beside a statement moves above it', () => {
    expect(wrapComments('a.ts', `  const a = 1; // ${wide}\n`)).toBe(
      `  // ${ten}\n  // ${three}\n  const a = 1;\n`,
    );
  });

  it('what fits is left as it stands, and so are addresses, directives and text in strings', () => {
    const text = [
      '// short',
      '// lines',
      `// https://example.org/${wide}`,
      `// oxlint-disable-next-line ${wide}`,
      `const a = \`\n// ${wide}\n\`;`,
    ].join('\n');
    expect(wrapComments('a.ts', text)).toBe(text);
  });

  it('what was wrapped stays', () => {
    const once = wrapComments('a.ts', `// ${wide}\n/** ${wide} */\ngo(); // ${wide}\n`);
    expect(wrapComments('a.ts', once)).toBe(once);
  });
});
