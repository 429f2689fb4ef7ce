// What the kernel does with packets that an engine takes copies of, in packet-bed's namespaces: sends VIP traffic, tells what came of it.

import { release } from 'node:os';
import { icmpFrame, tcpFrame } from '../../support/packets.ts';
import { bed, type FramePort, sh } from './packet-bed.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);
/** Programs at a device's ingress that a descriptor holds, from Linux 6.6. */
export const hasTcx = major > 6 || (major === 6 && minor >= 6);

export const tcp = 6;
export const ipip = 4;

const ethernet = { source: bed.clientMac, destination: bed.frontMac };

export const protocolOf = (frame: Uint8Array) => (frame[12] === 0x08 && frame[13] === 0 ? frame[23] : undefined);
export const isIcmpOf = (type: number) => (frame: Uint8Array) => protocolOf(frame) === 1 && frame[34] === type;

export function toVip(address: string = bed.vip, port = 40000): Uint8Array {
  const from = address.includes(':') ? `[${bed.client6}]` : bed.client;
  const to = address.includes(':') ? `[${address}]` : address;
  return tcpFrame({ from: `${from}:${port}`, to: `${to}:80`, flags: 'S', ethernet });
}

/** Has the balancer's kernel forward, to the backend what is for VIPs, too. */
export function makeRouter(): void {
  sh(
    'balancer',
    `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; ip route add 203.0.113.0/24 via ${bed.backend}`,
  );
}

/** What the backend got of TCP, wrapped or as it came, until the kernel is through with all that the client has sent. */
export async function arrivalsUpToNow(client: FramePort, backend: FramePort): Promise<readonly (number | undefined)[]> {
  client.send(icmpFrame({ from: bed.client, to: bed.backend, type: 8, rest: Uint8Array.of(0, 8, 0, 1), ethernet }));
  const frames = await backend.upTo(isIcmpOf(8));
  return frames.map(protocolOf).filter((protocol) => protocol === tcp || protocol === ipip);
}
