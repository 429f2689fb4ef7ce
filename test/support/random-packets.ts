// Random frames for differential tests: mostly sound packets of few flows, so that flows come again, and every kind of odd
// and broken one. Ends are drawn from the same small sets as random-desired.ts draws its VIPs and backends from.

import { nodeAddress, nodeAddress6 } from './desired.ts';
import {
  bytes,
  type Extension,
  fragmentHeader,
  type IpFields,
  ipPacket,
  options6,
  protocols,
  routingHeader,
} from './ip-packets.ts';
import {
  addressesOf,
  type Ends,
  type EthernetFields,
  echoMessage,
  ethernetFrame,
  icmpMessage,
  tcpSegment,
  udpDatagram,
} from './packets.ts';
import type { Random } from './random.ts';

export const vipAddresses = ['203.0.113.10', '203.0.113.11', '2001:db8::10', '2001:db8::11'] as const;
/** They hold addresses above and others. */
export const vipPrefixes = ['203.0.113.8/29', '203.0.113.0/24', '2001:db8::/120', '2001:db8::/64'] as const;
export const backendAddresses = ['10.0.2.21', '10.0.2.22', '10.0.3.1', '2001:db8:2::21', '2001:db8:2::22'] as const;
export const otherNodeAddress = '10.9.8.7';
export const entropyPrefixes = { prefix: '192.0.2.0/25', prefix6: '2001:db8:e::/64' } as const;
const vipPorts = [80, 80, 443, 8000, 8100] as const;
const otherPorts = [0, 81, 7999, 8101, 65535] as const;
const flags = ['S', 'S', 'S', 'A', 'A', 'A', 'PA', 'FA', 'F', 'R', 'RA', 'SA', 'SF', 'SR', 'SU', 'U'] as const;

const families = {
  4: {
    vips: ['203.0.113.10', '203.0.113.11'],
    others: ['203.0.113.12', '203.0.113.99', '198.18.0.1', nodeAddress],
    sources: ['198.51.100.7', '198.51.100.7', '198.51.100.8'],
    odd: [nodeAddress, otherNodeAddress, '127.0.0.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '203.0.113.10', '192.0.2.77'],
  },
  6: {
    vips: ['2001:db8::10', '2001:db8::11'],
    others: ['2001:db8::12', '2001:db8::1:0', '2001:db8:1::1', '::ffff:203.0.113.10', nodeAddress6],
    sources: ['2001:db8:9::7', '2001:db8:9::7', '2001:db8:9::8'],
    odd: [nodeAddress6, '::1', 'ff02::1', '::', '2001:db8::10', '2001:db8:e::5', '::ffff:198.51.100.7'],
  },
} as const;

export interface RandomFrame {
  readonly frame: Uint8Array;
  /** It may change what becomes of packets that came in one burst before it, as nothing else does. */
  readonly isPathError: boolean;
}

/** A stream of frames. Most belong to a handful of flows, so that flows live, fill the table and come back. */
export class FrameSource {
  readonly #random: Random;
  readonly #favourites: readonly Ends[];

  constructor(random: Random) {
    this.#random = random;
    this.#favourites = Array.from({ length: random.pick([3, 6, 12, 24]) }, () => randomEnds(random));
  }

  next(): RandomFrame {
    const random = this.#random;
    const isPathError = random.oneIn(40);
    const frame = ethernetFrame(isPathError ? pathError(random) : this.#packet(), ethernet(random));
    if (random.oneIn(15)) return { frame: frame.slice(0, random.below(frame.length + 1)), isPathError };
    return { frame: random.oneIn(12) ? flipped(random, frame) : frame, isPathError };
  }

  #packet(): Uint8Array {
    const random = this.#random;
    const ends = random.oneIn(6)
      ? randomEnds(random)
      : (this.#favourites[random.below(this.#favourites.length)] ?? randomEnds(random));
    const [protocol, l4] = transport(random, ends);
    return ipPacket({ ...addressesOf(ends), protocol, ...oddities(random) }, l4);
  }
}

function randomEnds(random: Random): Ends {
  const { vips, others, sources, odd } = families[random.oneIn(2) ? 4 : 6];
  const source = random.oneIn(15) ? random.pick(odd) : random.pick(sources);
  const destination = random.oneIn(16) ? random.pick(others) : random.pick(vips);
  const port = random.oneIn(12) ? random.pick(otherPorts) : random.pick(vipPorts);
  return { from: endOf(source, 40000 + random.below(3)), to: endOf(destination, port) };
}

function endOf(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function transport(random: Random, ends: Ends): readonly [number, Uint8Array] {
  const payload = random.oneIn(12)
    ? random.bytes(random.pick([520, 1220, 1400]) + random.below(120))
    : random.bytes(random.below(24));
  const kind = random.below(24);
  if (kind < 14) return [protocols.tcp, tcpSegment({ ...ends, flags: random.pick(flags), payload })];
  if (kind < 20) return [protocols.udp, udpDatagram({ ...ends, payload })];
  if (kind < 23) return [icmpOf(ends, random), icmp(random, ends, payload)];
  return [random.below(256), payload];
}

function icmpOf(ends: Ends, random: Random): number {
  const isIpv6 = isV6(ends) !== random.oneIn(15);
  return isIpv6 ? protocols.icmpv6 : protocols.icmp;
}

function isV6({ to }: Ends): boolean {
  return to.startsWith('[');
}

function icmp(random: Random, ends: Ends, payload: Uint8Array): Uint8Array {
  if (random.oneIn(2)) return icmpMessage({ ...ends, ...errorWords(random, ends), body: quote(random, ends, payload) });
  const type = random.oneIn(3) ? 120 + random.below(30) : random.below(256);
  if (random.oneIn(4)) return icmpMessage({ ...ends, type, code: random.below(4), body: payload });
  if (random.oneIn(4)) return echoMessage({ ...ends, body: new Uint8Array(random.below(9)) });
  const body = echoMessage({ ...ends, identifier: random.below(65536), sequence: random.below(65536), body: payload });
  if (random.oneIn(8)) body.set(random.bytes(2), 2);
  return body;
}

function errorWords(random: Random, ends: Ends): { readonly type: number; readonly code: number; readonly rest: Uint8Array } {
  const type = isV6(ends) ? random.pick([1, 2, 3, 4]) : random.pick([3, 3, 11, 12]);
  const mtu = random.pick([0, 100, 576, 1200, 1300, 1320, 1400, 1480]);
  return { type, code: random.oneIn(2) ? 4 : random.below(16), rest: bytes([0, 0, mtu >> 8, mtu & 0xff]) };
}

/** What a router on the way to the client would quote of the backend's reply, or something like it. */
function quote(random: Random, { from, to }: Ends, payload: Uint8Array): Uint8Array {
  const back = random.oneIn(12) ? { from, to } : { from: to, to: from };
  const protocol = random.oneIn(8) ? random.below(256) : random.pick([protocols.tcp, protocols.tcp, protocols.udp]);
  const l4 = protocol === protocols.udp ? udpDatagram({ ...back, payload }) : tcpSegment({ ...back, payload });
  const packet = ipPacket({ ...addressesOf(back), protocol, ...oddities(random) }, l4);
  const least = (isV6({ from, to }) ? 40 : 20) + 4;
  return random.oneIn(2) ? packet : packet.slice(0, random.oneIn(8) ? random.below(70) : least + random.below(40));
}

/** What a router on the way to a backend would say, or something like it. */
function pathError(random: Random): Uint8Array {
  const backend = random.oneIn(8) ? '10.0.2.99' : random.pick(backendAddresses);
  const isIpv6 = backend.includes(':');
  const own = random.oneIn(4) ? random.pick(isIpv6 ? ['2001:db8:e::5'] : ['192.0.2.77', otherNodeAddress]) : undefined;
  const node = own ?? (isIpv6 ? nodeAddress6 : nodeAddress);
  const ends = isIpv6 ? { from: '2001:db8:f::1', to: node } : { from: '192.0.2.254', to: node };
  const source = random.oneIn(10) ? ends.from : node;
  const protocol = random.oneIn(10) ? protocols.tcp : random.pick([protocols.ipip, protocols.ipv6]);
  const outer = ipPacket(
    { source, destination: backend, protocol, ...(random.oneIn(10) ? oddities(random) : {}) },
    random.bytes(28),
  );
  const body = outer.slice(0, random.oneIn(8) ? random.below(outer.length) : outer.length);
  const endsWithPorts = { from: endOf(ends.from, 0), to: endOf(ends.to, 0) };
  const message = icmpMessage({ ...endsWithPorts, ...errorWords(random, endsWithPorts), body });
  const icmpProtocol = isIpv6 ? protocols.icmpv6 : protocols.icmp;
  return ipPacket(
    { ...addressesOf(endsWithPorts), protocol: icmpProtocol, ...(random.oneIn(10) ? oddities(random) : {}) },
    message,
  );
}

type Writable<T> = { -readonly [K in keyof T]?: T[K] };

function oddities(random: Random): Partial<IpFields> {
  const fields: Writable<IpFields> = { id: random.below(3), tos: random.below(256), flowLabel: random.below(1 << 20) };
  if (random.oneIn(2)) fields.dontFragment = true;
  if (random.oneIn(15)) fields.ttl = random.below(4);
  else if (random.oneIn(3)) fields.ttl = random.below(256);
  if (random.oneIn(12)) fields.options = options(random);
  if (random.oneIn(20)) fields.moreFragments = true;
  if (random.oneIn(20)) fields.fragmentOffset = random.pick([1, 2, 100, 0x1fff]);
  if (random.oneIn(20)) fields.checksum = random.below(65536);
  if (random.oneIn(30)) fields.ihl = random.below(16);
  if (random.oneIn(30)) fields.totalLength = random.below(100);
  if (random.oneIn(30)) fields.payloadLength = random.below(100);
  if (random.oneIn(6)) fields.chain = chain(random);
  return fields;
}

/** Sound IPv4 options, some of which are copied into pieces, or anything. */
function options(random: Random): Uint8Array {
  if (random.oneIn(3)) return random.bytes(4 * random.below(11));
  const list: number[] = [];
  while (list.length < 30 && !random.oneIn(4)) {
    const length = 2 + random.below(8);
    list.push(...(random.oneIn(3) ? [1] : [random.pick([7, 68, 130, 131, 148]), length, ...random.bytes(length - 2)]));
  }
  return bytes(list, new Uint8Array((4 - (list.length % 4)) % 4));
}

function chain(random: Random): readonly Extension[] {
  const count = random.oneIn(8) ? 5 + random.below(4) : 1 + random.below(2);
  return Array.from({ length: count }, () => extension(random));
}

function extension(random: Random): Extension {
  const kind = random.below(8);
  if (kind < 2) return options6(random.pick([0, 60]), 8 * (1 + random.below(3)));
  if (kind === 2) return routingHeader(random.oneIn(4) ? random.below(3) : 0, 1 + random.below(2));
  if (kind === 3) {
    const odd = options6(60);
    odd.bytes.set(random.bytes(7), 1);
    return odd;
  }
  const offset = random.oneIn(2) ? random.pick([1, 2, 100, 0x1fff]) : 0;
  return fragmentHeader({ offset, more: !random.oneIn(3), id: random.below(3) * 0x01010001 });
}

function ethernet(random: Random): EthernetFields {
  const vlans = random.oneIn(6) ? Array.from({ length: random.pick([1, 1, 1, 2]) }, () => random.below(65536)) : [];
  return random.oneIn(4) ? { vlans, padTo: 60 + random.below(8) } : { vlans };
}

/** One to three bits of the headers turned over. */
function flipped(random: Random, frame: Uint8Array): Uint8Array {
  const broken = bytes(frame);
  for (let i = 0; i <= random.below(3); i++) {
    const at = 12 + random.below(Math.max(1, Math.min(frame.length, 120) - 12));
    if (at < broken.length) broken[at] = (broken[at] ?? 0) ^ (1 << random.below(8));
  }
  return broken;
}
