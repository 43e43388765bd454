// Whether an address belongs to a network that this machine is on: multicast DNS is for those
// alone, and a datagram from farther away was sent here on purpose.
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

export function isOnLink(
  address: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const near = new BlockList();
  for (const { cidr } of Object.values(interfaces).flatMap((each) => each ?? [])) {
    const [network, prefix] = cidr?.split('/') ?? [];
    const bits = Number(prefix);
    // A point-to-point address is on a network with nobody else.
    if (network !== undefined && Number.isInteger(bits)) {
      near.addSubnet(network, bits, isIP(network) === 6 ? 'ipv6' : 'ipv4');
    }
  }
  return isIP(address) !== 0 && near.check(address, family);
}
