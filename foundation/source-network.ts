// Whom a limit takes for one and the same: an address of version 4, or the whole network of version
// 6 that one customer is given, in which they have more addresses than anybody could count.

const groupsKept = 4; // of eight: the /64 that one line or machine is given

/** What is no address of version 6 is as it was; `::ffff:192.0.2.1` is an address of version 4. */
export function sourceNetwork(source: string): string {
  const [address = ''] = source.split('%'); // behind it stands by which interface it came
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) {
    return mapped;
  }
  return /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(address) ? `${networkOf(address)}::/64` : source;
}

function networkOf(address: string): string {
  const [before = '', after] = address.split('::');
  const head = groupsOf(before);
  const tail = groupsOf(after ?? '');
  const gap = Math.max(0, 2 * groupsKept - head.length - tail.length);
  const zeros = after === undefined ? [] : Array.from({ length: gap }, () => '0');
  return [...head, ...zeros, ...tail]
    .slice(0, groupsKept)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':');
}

/** One that ends as version 4 does has two groups there. */
function groupsOf(part: string): readonly string[] {
  const groups = part === '' ? [] : part.split(':');
  return groups.flatMap((group) => (group.includes('.') ? [group, ''] : [group]));
}
