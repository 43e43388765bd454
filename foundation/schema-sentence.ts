// What a schema has against a value, as one readable and bounded sentence: for the edge, the
// configuration and the command line. It names fields and expectations, never the values
// themselves.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;
type Bound = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig;

const fieldsShownMax = 8; // a person mends a few fields at a time; the rest is counted
const fieldLengthMax = 80; // field names may be a stranger's: they must not fill a log line
const complaintLengthMax = 160; // the longest message our own schemas carry, with room
const choicesShownMax = 12; // of a field that takes one of several words
const defaultMessage = /^(Invalid|Too (small|big)|Unrecognized)\b/; // the library's own words

const typeNames: Readonly<Record<string, string>> = {
  array: 'a list',
  bigint: 'a whole number',
  boolean: 'true or false',
  date: 'a date',
  int: 'a whole number',
  map: 'an object',
  null: 'null',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  set: 'a list',
  string: 'text',
  tuple: 'a list',
  undefined: 'left out',
};
const partNames: Readonly<Record<string, string>> = {
  array: 'item',
  file: 'byte',
  map: 'entry',
  object: 'entry',
  set: 'item',
  string: 'character',
};
const formatNames: Readonly<Record<string, string>> = {
  base64: 'base64',
  base64url: 'base64url without padding',
  date: 'a date',
  datetime: 'a moment, as 2026-01-31T12:00:00Z',
  email: 'a mail address',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  url: 'a URL',
  uuid: 'a UUID',
};

/** `name must be text; limits.ttl must be at least 1`, for all that is wrong up to a bound. */
export function schemaSentence(error: z.ZodError): string {
  const found = error.issues.flatMap((issue) => deepest(issue));
  const shown = found.slice(0, fieldsShownMax).map(complaint);
  const more = found.length - shown.length;
  return more > 0 ? `${shown.join('; ')}; and ${more} more` : shown.join('; ');
}

/**
 * Of several forms that a value may have, the one it comes nearest to is the one that was meant:
 * there is nothing to learn from all that the others have against it.
 */
function deepest(issue: Issue): readonly Issue[] {
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    return issue.issues.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
  }
  if (issue.code !== 'invalid_union' || !defaultMessage.test(issue.message)) {
    return [issue];
  }
  const forms = issue.errors.map((inner) => inner.flatMap((each) => deepest(each)));
  const met = forms.filter((inner) => inner.every(({ code }) => code !== 'invalid_type'));
  const [nearest] = met.length === 1 ? met : forms.filter((inner) => inner.some(isInside));
  return nearest?.map((each) => ({ ...each, path: [...issue.path, ...each.path] })) ?? [issue];
}

function isInside({ path }: Issue): boolean {
  return path.length > 0;
}

function complaint(issue: Issue): string {
  const field = fieldOf(issue.path);
  const told = defaultMessage.test(issue.message) ? expectation(issue) : undefined;
  if (told !== undefined) {
    return shorten(`${field === '' ? 'it' : field} ${told}`, fieldLengthMax + complaintLengthMax);
  }
  const message = shorten(issue.message, complaintLengthMax);
  return field === '' ? message : `${field}: ${message}`;
}

/** `add limits budget bytes`, `check 3 key`: places in lists count from one. */
function fieldOf(path: readonly PropertyKey[]): string {
  return shorten(path.map(String).join('.'), fieldLengthMax);
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeSentence(issue);
    case 'too_small':
      return boundSentence(issue, issue.minimum, 'least');
    case 'too_big':
      return boundSentence(issue, issue.maximum, 'most');
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map(String))}`;
    case 'unrecognized_keys':
      return `has no ${oneOf(issue.keys.map((key) => `"${key}"`))}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return `must be ${formatNames[issue.format] ?? formatSentence(issue)}`;
    case 'invalid_union':
      return unionSentence(issue);
    default:
      return 'is not what is allowed there';
  }
}

function typeSentence(issue: z.core.$ZodIssueInvalidType): string {
  const wanted = typeNames[issue.expected] ?? issue.expected;
  return issue.message.endsWith('received undefined')
    ? `is missing: it must be ${wanted}`
    : `must be ${wanted}`;
}

function boundSentence(issue: Bound, limit: number | bigint, end: 'least' | 'most'): string {
  const part = partNames[issue.origin];
  if (part !== undefined) {
    const exactly = issue.exact === true ? 'exactly' : `at ${end}`;
    const verb = issue.origin === 'string' ? 'must have' : 'must hold';
    return `${verb} ${exactly} ${limit} ${counted(part, limit)}`;
  }
  if (issue.inclusive === false) {
    return `must be ${end === 'least' ? 'more' : 'less'} than ${limit}`;
  }
  return `must be at ${end} ${limit}`;
}

function counted(part: string, count: number | bigint): string {
  if (Number(count) === 1) {
    return part;
  }
  return part.endsWith('y') ? `${part.slice(0, -1)}ies` : `${part}s`;
}

function formatSentence(issue: z.core.$ZodIssueInvalidStringFormat): string {
  return issue.format === 'regex' ? 'of the form that is allowed there' : `a valid ${issue.format}`;
}

function unionSentence(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  const choices = 'options' in issue ? (issue.options ?? []).map(String) : [];
  const types = issue.errors.flatMap((inner) =>
    inner.flatMap((each) =>
      each.code === 'invalid_type' ? [typeNames[each.expected] ?? each.expected] : [],
    ),
  );
  const wanted = [...choices, ...types];
  return wanted.length === 0
    ? 'is none of the forms that are allowed there'
    : `must be ${oneOf([...new Set(wanted)])}`;
}

function oneOf(words: readonly string[]): string {
  const shown = words.slice(0, choicesShownMax);
  const more = words.length > shown.length ? ['…'] : [];
  const [last = '', ...rest] = [...shown, ...more].toReversed();
  return rest.length === 0 ? last : `${rest.toReversed().join(', ')} or ${last}`;
}

function shorten(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;
}
