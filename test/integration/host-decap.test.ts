// Packet fixtures of the decapsulation program: the built objects of both compilers, run by BPF_PROG_RUN.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../src/model/address.ts';
import { buildNative } from '../support/native-build.ts';

const build = fileURLToPath(new URL('../../native/build/', import.meta.url));
const isRunnable = process.getuid?.() === 0 && existsSync(`${build}bpf/decap.o`);

const balancer = { 4: '10.0.1.11', 6: '2001:db8:1::11' } as const;
const host = { 4: '10.0.2.21', 6: '2001:db8:2::21' } as const;
const vip = { 4: '203.0.113.10', 6: '2001:db8::10' } as const;
const client = { 4: '198.51.100.7', 6: '2001:db8:c::7' } as const;
const outerRole = 1;
const vipRole = 2;

type Family = 4 | 6;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const u16 = (value: number) => [value >> 8, value & 0xff];

function ipv4Checksum(header: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += ((header[i] ?? 0) << 8) | (header[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

interface Header {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly payload: readonly number[];
  readonly ecn?: number;
  readonly fragment?: number;
  readonly options?: readonly number[];
}

function ipv4({ from, to, protocol, payload, ecn = 0, fragment = 0x4000, options = [] }: Header): number[] {
  const bytes = (address: string) => [...addressBytes(address).subarray(12)];
  const headerBytes = 20 + options.length;
  const total = u16(headerBytes + payload.length);
  const start = [0x40 | (headerBytes / 4), 0xb8 | ecn, ...total, 0, 0, ...u16(fragment), 64, protocol];
  const sum = ipv4Checksum([...start, 0, 0, ...bytes(from), ...bytes(to), ...options]);
  return [...start, ...u16(sum), ...bytes(from), ...bytes(to), ...options, ...payload];
}

function ipv6({ from, to, protocol, payload, ecn = 0 }: Header): number[] {
  const fixed = [0x6b, 0x80 | (ecn << 4), 0, 0, ...u16(payload.length), protocol, 64];
  return [...fixed, ...addressBytes(from), ...addressBytes(to), ...payload];
}

const ip = (family: Family, header: Header) => (family === 4 ? ipv4(header) : ipv6(header));
// Sent to the loopback device's address, BPF_PROG_RUN takes a frame as one for this host.
const loopbackMac = [0, 0, 0, 0, 0, 0];
const senderMac = [2, 0, 0, 0, 0, 9];
const frame = (family: Family, packet: readonly number[]) => [
  ...loopbackMac,
  ...senderMac,
  ...(family === 4 ? [8, 0] : [0x86, 0xdd]),
  ...packet,
];

const tcp = Array.from({ length: 32 }, (_, i) => i + 1);
const request = (family: Family, more: Partial<Header> = {}) =>
  ip(family, { from: client[family], to: vip[family], protocol: 6, payload: tcp, ...more });
const wrapped = (outer: Family, inner: Family, packet: readonly number[], more: Partial<Header> = {}) =>
  frame(outer, ip(outer, { from: balancer[outer], to: host[outer], protocol: inner === 4 ? 4 : 41, payload: packet, ...more }));

const continueOn = 0xffffffff | 0;
const shot = 2;
const untouched = 'untouched';

interface Fixture {
  readonly sentence: string;
  readonly frame: readonly number[];
  readonly returns?: number;
  readonly becomes: readonly number[] | typeof untouched;
}

const families = [4, 6] as const;
const fixtures: readonly Fixture[] = [
  ...families.flatMap((outer) =>
    families.map((inner) => ({
      sentence: `takes an IPv${outer} header off an IPv${inner} packet to a VIP`,
      frame: wrapped(outer, inner, request(inner)),
      becomes: frame(inner, request(inner)),
    })),
  ),
  ...families.map((family) => ({
    sentence: `copies congestion of an IPv${family} outer header to an ECN-capable inner packet`,
    frame: wrapped(family, family, request(family, { ecn: 2 }), { ecn: 3 }),
    becomes: frame(family, request(family, { ecn: 3 })),
  })),
  {
    sentence: 'drops a packet marked as congested on the way whose flow cannot hear of it',
    frame: wrapped(4, 4, request(4), { ecn: 3 }),
    returns: shot,
    becomes: frame(4, request(4)),
  },
  {
    sentence: 'takes a VIP of a prefix',
    frame: wrapped(4, 4, request(4, { to: '192.0.2.200' })),
    becomes: frame(4, request(4, { to: '192.0.2.200' })),
  },
  {
    sentence: 'takes an inner packet with options',
    frame: wrapped(4, 4, request(4, { options: [1, 1, 1, 0] })),
    becomes: frame(4, request(4, { options: [1, 1, 1, 0] })),
  },
  {
    sentence: 'takes an inner fragment',
    frame: wrapped(4, 4, request(4, { fragment: 0x2000 })),
    becomes: frame(4, request(4, { fragment: 0x2000 })),
  },
  {
    sentence: 'leaves an inner packet to another address of this host alone',
    frame: wrapped(4, 4, request(4, { to: host[4] })),
    becomes: untouched,
  },
  {
    sentence: 'leaves an outer packet to another host alone',
    frame: wrapped(4, 4, request(4), { to: '10.0.2.22' }),
    becomes: untouched,
  },
  { sentence: 'leaves an outer packet to a VIP alone', frame: wrapped(4, 4, request(4), { to: vip[4] }), becomes: untouched },
  { sentence: 'leaves a plain packet to a VIP alone', frame: frame(4, request(4)), becomes: untouched },
  { sentence: 'leaves a plain packet to this host alone', frame: frame(4, request(4, { to: host[4] })), becomes: untouched },
  { sentence: 'leaves an outer fragment alone', frame: wrapped(4, 4, request(4), { fragment: 0x2000 }), becomes: untouched },
  {
    sentence: 'leaves an outer header with options alone',
    frame: wrapped(4, 4, request(4), { options: [1, 1, 1, 0] }),
    becomes: untouched,
  },
  {
    sentence: 'leaves an inner packet of another version than announced alone',
    frame: wrapped(4, 4, request(6)),
    becomes: untouched,
  },
  { sentence: 'leaves a truncated inner header alone', frame: wrapped(4, 4, request(4).slice(0, 19)), becomes: untouched },
  { sentence: 'leaves an empty tunnel packet alone', frame: wrapped(4, 4, []), becomes: untouched },
  { sentence: 'leaves a truncated IPv6 inner header alone', frame: wrapped(6, 6, request(6).slice(0, 39)), becomes: untouched },
  {
    sentence: 'leaves a frame for another machine alone',
    frame: [2, 0, 0, 0, 0, 7, ...wrapped(4, 4, request(4)).slice(6)],
    becomes: untouched,
  },
];

function runAll(object: string): { readonly returned: number; readonly frame: string }[] {
  const element = (address: string, prefixBits: number, role: number) => {
    const key = Buffer.alloc(20);
    key.writeUInt32LE(prefixBits);
    key.set(addressBytes(address), 4);
    return `set ${hex(key)} ${hex(Uint8Array.of(role, 0, 0, 0))}`;
  };
  const lines = [
    ...families.map((family) => element(host[family], 128, outerRole)),
    ...families.map((family) => element(vip[family], 128, vipRole)),
    element('192.0.2.0', 96 + 24, vipRole),
    ...fixtures.map(({ frame }) => `run ${hex(Uint8Array.from(frame))}`),
  ];
  buildNative('build/test/skb_run');
  const run = spawnSync(`${build}test/skb_run`, [object, 'torii_decap', 'addresses'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
  });
  expect(run.stderr).toBe('');
  return run.stdout
    .trim()
    .split('\n')
    .map((line) => ({ returned: Number(line.split(' ')[0]), frame: line.split(' ')[1] ?? '' }));
}

describe.skipIf(!isRunnable).each(['clang14', 'clang19'])('decapsulation built by %s', (compiler) => {
  const object = `${build}bpf/decap.${compiler}.o`;
  const results = isRunnable && existsSync(object) ? runAll(object) : [];

  it('runs every fixture', () => expect(results).toHaveLength(fixtures.length));

  it.each(fixtures.map((fixture, i) => ({ ...fixture, i })))('$sentence', ({ i, frame, becomes, returns = continueOn }) => {
    const expected = hex(Uint8Array.from(becomes === untouched ? frame : becomes));
    expect(results[i]).toEqual({ returned: returns, frame: expected });
  });
});
