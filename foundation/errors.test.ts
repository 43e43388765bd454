import { describe, expect, test } from 'vitest';
import { errorCodes } from './error-codes.ts';
import { errorReportSchema } from './error-report-schema.ts';
import { errorOf, HansaError, invariant, isHansaError, reportOf } from './errors.ts';

describe('an error', () => {
  test('is told with its code, sentence, fix, reporter and facts, and understood again', () => {
    const error = new HansaError('BLOB_CORRUPT', 'a bad byte', {
      cause: new Error('inner'),
      fix: 'check the disk',
      reportedBy: 'lubeck',
      facts: { chunk: 3 },
    });
    const report = reportOf(error);
    expect(errorReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    expect(reportOf(errorOf(report))).toEqual(report);
    expect(JSON.stringify(report)).not.toContain('inner');
  });

  test('that nobody declared is INTERNAL to the other side, and keeps its words to itself', () => {
    for (const secret of [new Error('the password is x'), 'the password is x', undefined]) {
      const report = reportOf(secret);
      expect(report.code).toBe('INTERNAL');
      expect(JSON.stringify(report)).not.toContain('password');
    }
  });

  test('with a code from a newer peer is REMOTE_FAILED, with the code in its sentence', () => {
    const error = errorOf({ code: 'FLUX_INVERTED', message: 'the flux is inverted' });
    expect(error).toMatchObject({
      code: 'REMOTE_FAILED',
      message: 'FLUX_INVERTED: the flux is inverted',
    });
  });

  test.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])(
    'with the code "%s" does not reach into the language',
    (code) => {
      expect(errorOf({ code, message: 'x' }).code).toBe('REMOTE_FAILED');
    },
  );

  test('takes the register’s advice where it brings none of its own', () => {
    expect(new HansaError('GIT_MISSING', 'no git').fix).toBe(errorCodes.GIT_MISSING.fix);
    expect(new HansaError('GIT_MISSING', 'no git', { fix: 'other' }).fix).toBe('other');
  });

  test('is recognised by its code', () => {
    const error = new HansaError('CONFLICT', 'x');
    expect(isHansaError(error)).toBe(true);
    expect(isHansaError(error, 'CONFLICT')).toBe(true);
    expect(isHansaError(error, 'CANCELLED')).toBe(false);
    expect(isHansaError({ code: 'CONFLICT' })).toBe(false);
  });

  test('of a broken invariant is ours, and no declared one', () => {
    expect(() => invariant(false, 'two and two')).toThrow('broken invariant: two and two');
    expect(() => invariant(true, 'never')).not.toThrow();
  });
});

test('every code has a status, an exit code and a meaning that is not a sentence', () => {
  for (const [code, entry] of Object.entries(errorCodes)) {
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
    expect(entry.status).toBeGreaterThanOrEqual(400);
    expect(entry.exit).toBeGreaterThan(0);
    expect(entry.meaning).not.toMatch(/\.$/);
  }
});
