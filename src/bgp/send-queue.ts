// How much of what was written to a TCP connection the other host has not acknowledged yet, from /proc/net/tcp.
//
// RFC 9687 asks to notice a peer that takes nothing any more. A write counts as done for Node once the kernel has it, and
// the kernel takes megabytes of keepalives; its own queue tells the truth. Linux; elsewhere the answer is 0.

import { readFile } from 'node:fs/promises';
import { addressBytes, familyOf } from '../model/address.ts';

export interface Ends {
  readonly local: { readonly address: string; readonly port: number };
  readonly remote: { readonly address: string; readonly port: number };
}

// As the kernel prints it: 32-bit words in host order, here little-endian, and the port in hexadecimal.
function kernelForm({ address, port }: Ends['local'], family: 4 | 6): string {
  const bytes = family === 4 ? addressBytes(address).slice(12) : addressBytes(address);
  const swapped = bytes.map((_, i) => bytes[(i & ~3) + 3 - (i & 3)] ?? 0);
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  return `${[...swapped].map((byte) => hex(byte, 2)).join('')}:${hex(port, 4)}`;
}

/** The tx_queue of one connection in the text of /proc/net/tcp or tcp6; 0 when it is not there. */
export function sendQueueBytes(table: string, ends: Ends, family: 4 | 6): number {
  const wanted = `${kernelForm(ends.local, family)} ${kernelForm(ends.remote, family)} `;
  const at = table.indexOf(wanted);
  if (at === -1) return 0;
  const [, queues = ''] = table.slice(at + wanted.length, at + wanted.length + 32).split(' ');
  return Number.parseInt(queues.split(':')[0] ?? '', 16) || 0;
}

/** A socket that listens on :: has its IPv4 connections in the table of IPv6, mapped: both are looked through. */
export async function readSendQueueBytes(ends: Ends): Promise<number> {
  const families: readonly (4 | 6)[] = familyOf(ends.local.address) === 4 ? [4, 6] : [6];
  for (const family of families) {
    const table = await readFile(family === 4 ? '/proc/self/net/tcp' : '/proc/self/net/tcp6', 'latin1').catch(() => '');
    const bytes = sendQueueBytes(table, ends, family);
    if (bytes > 0) return bytes;
  }
  return 0;
}
