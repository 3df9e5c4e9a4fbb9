// places.ts: a server's name -> the network addresses that a picture may be fetched from. A list of inputs may come from a stranger, who
// could name machines that only this one reaches. Opens no connection.

import { lookup } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { AppError } from '../../util/errors.ts';
import { quoted } from '../../util/quoted.ts';

/** Where a server answers. */
export interface Place {
  readonly address: string;
  readonly family: number;
}

/**
 * Looked up once: the connection has to go to what is returned, because another lookup may give another answer.
 * @param host as a URL has it, IPv6 in brackets
 * @throws AppError DOWNLOAD_FAILED when one of them is private, and the resolver's errors
 */
export async function placesOf(host: string, allowPrivate: boolean): Promise<readonly Place[]> {
  const name = host.replace(/^\[|\]$/g, '');
  const places = await lookup(name, { all: true });
  const inside = allowPrivate ? undefined : places.find(({ address }) => !isPublic(address));
  if (!inside) return places;
  const as = inside.address === name ? '' : ` (${inside.address})`;
  throw new AppError(
    'DOWNLOAD_FAILED',
    `${quoted(name)}${as} is not in the public internet; add --allow-private if you trust the addresses`,
  );
}

/** Whether everybody may reach an address: not this machine, its network, or what is reserved. */
export function isPublic(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (!(address instanceof ipaddr.IPv6)) return address.range() === 'unicast';
  const embedded = embeddedIn(address);
  return embedded === undefined ? address.range() === 'unicast' && isGlobal(address) : isPublic(embedded);
}

/** 2000::/3: all that is given out of IPv6. */
const isGlobal = ({ parts }: ipaddr.IPv6) => parts[0]! >> 13 === 1;

/** The IPv4 address that an IPv6 address stands for: mapped, or translated (NAT64, 64:ff9b::/96). */
function embeddedIn(address: ipaddr.IPv6): string | undefined {
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString();
  const { parts } = address;
  const isTranslated =
    parts[0] === 0x64 && parts[1] === 0xff9b && parts.slice(2, 6).every((part) => part === 0);
  return isTranslated ? new ipaddr.IPv4(address.toByteArray().slice(-4)).toString() : undefined;
}
