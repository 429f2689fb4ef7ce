// Random frames for differential tests: mostly sound packets of few flows, so that flows come again, and every kind of odd
// and broken one. Ends are drawn from the same small sets as random-desired.ts draws its VIPs from.

import { nodeAddress } from './desired.ts';
import {
  addressesOf,
  bytes,
  type Ends,
  type EthernetFields,
  echoMessage,
  ethernetFrame,
  type Ipv4Fields,
  icmpMessage,
  ipv4Packet,
  protocols,
  tcpSegment,
  udpDatagram,
} from './packets.ts';
import type { Random } from './random.ts';

export const vipAddresses = ['203.0.113.10', '203.0.113.11'] as const;
export const vipPorts = [80, 80, 443, 8000, 8100] as const;
const otherAddress = '203.0.113.99';
const otherPorts = [0, 81, 7999, 8101, 65535] as const;
const sources = ['198.51.100.7', '198.51.100.7', '198.51.100.8'] as const;
const oddSources = [nodeAddress, '10.9.8.7', '127.0.0.1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '203.0.113.10'] as const;
const flags = ['S', 'S', 'S', 'A', 'A', 'A', 'PA', 'FA', 'F', 'R', 'RA', 'SA', 'SF', 'SR', 'SU', 'U'] as const;

/** A stream of frames. Most belong to a handful of flows, so that flows live, fill the table and come back. */
export class FrameSource {
  readonly #random: Random;
  readonly #favourites: readonly Ends[];

  constructor(random: Random) {
    this.#random = random;
    this.#favourites = Array.from({ length: random.pick([6, 12, 24]) }, () => randomEnds(random));
  }

  next(): Uint8Array {
    const random = this.#random;
    const frame = this.#sound();
    if (random.oneIn(15)) return frame.slice(0, random.below(frame.length + 1));
    return random.oneIn(12) ? flipped(random, frame) : frame;
  }

  #sound(): Uint8Array {
    const random = this.#random;
    const ends = random.oneIn(4)
      ? randomEnds(random)
      : (this.#favourites[random.below(this.#favourites.length)] ?? randomEnds(random));
    const [protocol, l4] = transport(random, ends);
    return ethernetFrame(ipv4Packet({ ...addressesOf(ends), protocol, ...oddities(random) }, l4), ethernet(random));
  }
}

function randomEnds(random: Random): Ends {
  const source = random.oneIn(15) ? random.pick(oddSources) : random.pick(sources);
  const destination = random.oneIn(25) ? otherAddress : random.pick(vipAddresses);
  const port = random.oneIn(12) ? random.pick(otherPorts) : random.pick(vipPorts);
  return { from: `${source}:${40000 + random.below(3)}`, to: `${destination}:${port}` };
}

function transport(random: Random, ends: Ends): readonly [number, Uint8Array] {
  const payload = random.oneIn(20) ? random.bytes(1400 + random.below(120)) : random.bytes(random.below(24));
  const kind = random.below(24);
  if (kind < 15) return [protocols.tcp, tcpSegment({ ...ends, flags: random.pick(flags), payload })];
  if (kind < 21) return [protocols.udp, udpDatagram({ ...ends, payload })];
  if (kind < 23) return [protocols.icmp, icmp(random, payload)];
  return [random.below(256), payload];
}

function icmp(random: Random, payload: Uint8Array): Uint8Array {
  if (random.oneIn(4)) return icmpMessage({ type: random.below(256), code: random.below(4), body: payload });
  if (random.oneIn(4)) return echoMessage(8, 0, 0, new Uint8Array(random.below(9)));
  return echoMessage(8, random.below(65536), random.below(65536), payload);
}

function oddities(random: Random): Partial<Ipv4Fields> {
  const fields: { -readonly [K in keyof Ipv4Fields]?: Ipv4Fields[K] } = { id: random.below(65536), tos: random.below(256) };
  if (random.oneIn(2)) fields.dontFragment = true;
  if (random.oneIn(15)) fields.ttl = random.below(4);
  else if (random.oneIn(3)) fields.ttl = random.below(256);
  if (random.oneIn(12)) fields.options = random.bytes(4 * random.below(11));
  if (random.oneIn(15)) fields.moreFragments = true;
  if (random.oneIn(20)) fields.fragmentOffset = random.pick([1, 2, 100, 0x1fff]);
  if (random.oneIn(20)) fields.checksum = random.below(65536);
  if (random.oneIn(30)) fields.ihl = random.below(16);
  if (random.oneIn(30)) fields.totalLength = random.below(100);
  return fields;
}

function ethernet(random: Random): EthernetFields {
  const vlans = random.oneIn(6) ? Array.from({ length: random.pick([1, 1, 1, 2]) }, () => random.below(65536)) : [];
  return random.oneIn(4) ? { vlans, padTo: 60 + random.below(8) } : { vlans };
}

/** One to three bits of the headers turned over. */
function flipped(random: Random, frame: Uint8Array): Uint8Array {
  const broken = bytes(frame);
  for (let i = 0; i <= random.below(3); i++) {
    const at = 12 + random.below(Math.max(1, Math.min(frame.length, 60) - 12));
    if (at < broken.length) broken[at] = (broken[at] ?? 0) ^ (1 << random.below(8));
  }
  return broken;
}
