import { expect, test } from 'vitest';
import { problemText } from './problem-text.ts';

test('a problem is told with its code, who reported it and what to do', () => {
  const text = problemText({
    code: 'LINK_DOWN',
    message: 'bergen is away',
    reportedBy: 'lubeck',
    fix: 'hansa link list',
  });
  expect(text).toBe('LINK_DOWN: bergen is away (reported by lubeck)\n  fix: hansa link list');
});

test('a problem without a fix is one line', () => {
  expect(problemText({ code: 'LINK_DOWN', message: 'bergen is away' })).toBe(
    'LINK_DOWN: bergen is away',
  );
});
