import { HansaError } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { exitCodeOf, stacksOf, tellFailure, usageFailure } from './failure.ts';
import { palette } from './rendering.ts';

const plain = palette(false);

test('a failure is a sentence with its code, its cause and its fix', () => {
  const cause = new Error('connect ECONNREFUSED', { cause: new Error('no route') });
  const error = new HansaError('NODE_UNREACHABLE', 'no node answers', { cause });
  expect(tellFailure(error, { format: 'table', colours: plain }).split('\n')).toEqual([
    'error: no node answers [NODE_UNREACHABLE]',
    'cause: connect ECONNREFUSED',
    'cause: no route',
    'fix: start it: hansa up',
    '',
  ]);
});

test('a far side that reported the failure is named', () => {
  const error = new HansaError('POLICY_DENIED', 'not shared', { reportedBy: 'bergen' });
  expect(tellFailure(error, { format: 'table', colours: plain })).toContain(
    '[POLICY_DENIED] (reported by bergen)',
  );
});

test('its fix goes to the cluster that was asked, unless the far side reported it', () => {
  const telling = { format: 'table', colours: plain, context: 'lubeck' } as const;
  const unknown = new HansaError('PRINCIPAL_UNKNOWN', 'nobody', { fix: 'hansa user list' });
  expect(tellFailure(unknown, telling)).toContain('fix: hansa --context lubeck user list\n');
  const there = { fix: 'hansa user list', reportedBy: 'bergen' };
  const far = new HansaError('PRINCIPAL_UNKNOWN', 'nobody', there);
  expect(tellFailure(far, telling)).toContain('fix: hansa user list\n');
});

test('programs get the report as JSON, or as YAML', () => {
  const error = new HansaError('LINK_NOT_FOUND', 'no link', { facts: { peer: 'x' } });
  const report = {
    code: 'LINK_NOT_FOUND',
    message: 'no link',
    fix: 'hansa link list',
    facts: { peer: 'x' },
  };
  expect(JSON.parse(tellFailure(error, { format: 'json', colours: plain }))).toEqual(report);
  const yaml = tellFailure(error, { format: 'yaml', colours: plain });
  expect(parse(yaml)).toEqual(report);
  expect(yaml).toMatch(/^code: LINK_NOT_FOUND$/m);
});

test('the exit code is the register’s; a fault of ours is 1', () => {
  expect(exitCodeOf(new HansaError('LINK_NOT_FOUND', 'x'))).toBe(3);
  expect(exitCodeOf(new TypeError('x'))).toBe(1);
});

test('a command line that is not understood is USAGE, with a suggestion where there is one', () => {
  const unknown = usageFailure("error: unknown command 'lnk'\n(Did you mean link?)");
  expect(unknown).toMatchObject({
    code: 'USAGE',
    message: "unknown command 'lnk'",
    fix: 'did you mean link?',
  });
  expect(usageFailure("error: missing required argument 'name'").fix).toContain('--help');
  expect(exitCodeOf(unknown)).toBe(2);
});

test('stacks name every cause, within a bound', () => {
  let error = new Error('innermost');
  for (let i = 0; i < 9; i += 1) {
    error = new Error(`outer ${i}`, { cause: error });
  }
  const stacks = stacksOf(error);
  expect(stacks).toContain('outer 8');
  expect(stacks.match(/caused by/g)).toHaveLength(3);
  expect(stacksOf('text')).toBe('');
});

test('a disk that is full is told as that, whatever was being written', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  expect(exitCodeOf(full)).toBe(6);
  expect(exitCodeOf(new Error('something else'))).toBe(1);
});
