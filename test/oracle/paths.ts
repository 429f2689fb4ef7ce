// What ICMP told of the ways to backends (RFC 1191, RFC 8201), as docs/packet-path.md describes it under "MTU". By backend and its life.

import { familyOf } from '../../src/model/address.ts';
import { backendKey } from '../../src/model/backend.ts';
import type { Desired, DesiredBackend } from '../../src/model/desired.ts';
import { headerBytes, type Ip, readIpHeader, viewOf } from './ip.ts';

interface Learned {
  readonly mtuBytes: number;
  readonly atSec: number;
}

/** IPv4 and IPv6 in our outer header. */
const carriers = [4, 41];
const timeoutSec = 600;
const floors = { ipv4: 576, ipv6: 1320 } as const;

export class Paths {
  readonly #learned = new Map<string, Learned>();

  /** What fits the way to a resolved backend now: the route's MTU, or a lower one that was told. */
  mtuOf(backend: DesiredBackend, life: number, nowSec: number): number {
    const routeMtu = backend.nextHop.mtuBytes ?? Infinity;
    const learned = this.#learned.get(keyOf(backend, life));
    return learned !== undefined && nowSec - learned.atSec < timeoutSec ? Math.min(learned.mtuBytes, routeMtu) : routeMtu;
  }

  /** "Too big" about a packet to this backend. MTU 0 says nothing; a way is only ever lowered, and never below the floor. */
  tell(
    desired: Desired,
    backend: DesiredBackend,
    life: number,
    told: { readonly mtuBytes: number; readonly nowSec: number },
  ): void {
    const { mtuBytes, nowSec } = told;
    const mtu = Math.max(mtuBytes, servesIpv6(desired, backend.pool) ? floors.ipv6 : floors.ipv4);
    const routeMtu = backend.nextHop.mtuBytes ?? Infinity;
    if (mtuBytes === 0 || mtu >= routeMtu || mtu > this.mtuOf(backend, life, nowSec)) return;
    this.#learned.set(keyOf(backend, life), { mtuBytes: mtu, atSec: nowSec });
  }
}

/** What an error says of the way to a backend, if it quotes an outer header of ours. An MTU of 0: nothing that counts. */
export function readPathError(
  frame: Uint8Array,
  ip: Ip,
  { type, code, at }: { readonly type: number; readonly code: number; readonly at: number },
): { readonly backend: string; readonly mtuBytes: number } | undefined {
  const message = ip.offset + at;
  const end = ip.offset + ip.totalBytes;
  const quoted = readIpHeader(frame, message + 8, ip.family, end);
  const isOurs = quoted?.source === ip.destination && quoted.headerBytes === headerBytes[ip.family];
  if (!isOurs || !carriers.includes(viewOf(frame).getUint8(quoted.offset + (ip.family === 4 ? 9 : 6)))) return undefined;
  const isTooBig = ip.family === 4 ? type === 3 && code === 4 : type === 2;
  const field = ip.family === 4 ? viewOf(frame).getUint16(message + 6) : viewOf(frame).getUint32(message + 4);
  return isTooBig ? { backend: quoted.destination, mtuBytes: field } : undefined;
}

function keyOf({ pool, address }: DesiredBackend, life: number): string {
  return `${backendKey(pool, address)} ${life}`;
}

function servesIpv6({ vips }: Desired, name: string): boolean {
  return vips.some(
    ({ prefix, activePool, keptPool }) => familyOf(prefix.address) === 6 && (activePool === name || keptPool === name),
  );
}
