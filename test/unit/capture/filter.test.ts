import { describe, expect, it } from 'vitest';
import { filterOf } from '../../../src/capture/filter.ts';
import { addressBytes } from '../../../src/model/address.ts';
import type { CaptureQuery } from '../../../src/model/capture.ts';
import { everything, layout, names } from './support.ts';

const filter = (query: Partial<CaptureQuery>) => filterOf({ ...everything, ...query }, layout.verdicts, names);

/** "drop cps_limited" of each bit. */
const taken = (query: Partial<CaptureQuery>) =>
  layout.verdicts
    .filter(({ number }) => (filter(query).verdicts >>> number) & 1)
    .map(({ kind, reason }) => (reason === 'none' ? kind : `${kind} ${reason}`));

describe('what a capture takes', () => {
  it('is everything but the kernel’s packets unless something is asked for', () => {
    expect(taken({})).toHaveLength(layout.verdicts.length - 1);
    expect(taken({})).not.toContain('pass');
    expect(taken({ verdicts: ['pass'] })).toEqual(['pass']);
  });

  it('is what has one of the verdicts and one of the reasons', () => {
    expect(taken({ verdicts: ['forward', 'answer'] })).toEqual([
      'forward',
      'answer echo',
      'answer too_big',
      'answer ttl_expired',
    ]);
    expect(taken({ reasons: ['ttl_expired', 'cps_limited'] })).toEqual([
      'answer ttl_expired',
      'drop cps_limited',
      'drop ttl_expired',
    ]);
    expect(taken({ verdicts: ['drop'], reasons: ['ttl_expired'] })).toEqual(['drop ttl_expired']);
  });

  it('refuses reasons that do not exist, naming those that do, and pairs that no packet has', () => {
    expect(() => filter({ reasons: ['cps'] })).toThrow(/expected one of echo, .*cps_limited.*, got "cps"/);
    expect(() => filter({ verdicts: ['forward'], reasons: ['echo'] })).toThrow(/no packet is forward for echo/);
  });

  it('knows a VIP by its name, and an address or prefix as where packets go', () => {
    expect(filter({ vip: '[2001:DB8::10]:443/tcp' })).toMatchObject({ vip: 2, destination: null });
    expect(filter({ vip: '203.0.113.10' })).toMatchObject({
      vip: 0,
      destination: { address: addressBytes('203.0.113.10'), bits: 128 },
    });
    expect(filter({ vip: '2001:db8::/32' })).toMatchObject({ vip: 0, destination: { bits: 32 } });
    expect(() => filter({ vip: '203.0.113.10:81/tcp' })).toThrow(/no VIP 203.0.113.10:81\/tcp that this node forwards/);
  });

  it('counts the bits of IPv4 behind those of its mapping', () => {
    expect(filter({ client: '198.51.100.0/24' }).client).toEqual({ address: addressBytes('198.51.100.0'), bits: 120 });
    expect(filter({ client: '2001:db8::7' }).client).toEqual({ address: addressBytes('2001:db8::7'), bits: 128 });
    expect(() => filter({ client: '198.51.100.7/24' })).toThrow(/client: expected an address or a prefix/);
  });

  it('takes backends of the document only', () => {
    expect(filter({ backend: '10.0.2.21' }).backend).toEqual({ address: addressBytes('10.0.2.21'), bits: 128 });
    expect(() => filter({ backend: '10.0.2.99' })).toThrow(/no backend 10.0.2.99/);
  });
});
