import { describe, expect, it } from 'vitest';
import { parseOrThrow } from '../../../src/config/parse.ts';
import { hostIntent, overheadBytes, prefixText } from '../../../src/host/intent.ts';

const intentOf = (node: object, document: object) =>
  hostIntent(parseOrThrow(JSON.stringify({ version: 1, node, ...document }), 'torii.yaml').config);

const vip = (address: string, pool: string, port = 80) => ({ address, protocol: 'tcp', ports: [port], pool });
const cluster = {
  tenants: [
    {
      name: 'acme',
      vips: [vip('203.0.113.10', 'web'), vip('203.0.113.10', 'web', 443), vip('203.0.113.9', 'web'), vip('203.0.113.11', 'api')],
    },
  ],
  pools: {
    web: { backends: [{ address: '10.0.2.21' }, { address: '10.0.2.22', state: 'disabled' }], onAllDown: { pool: 'sorry' } },
    api: { backends: [{ address: '10.0.2.22', state: 'draining' }] },
    sorry: { backends: [{ address: '10.0.2.99' }] },
  },
};
const vipsAt = (address: string) => intentOf({ address }, cluster).vips.map(prefixText);

describe("a host's intent", () => {
  it('has each address once, of the VIPs whose pool has this host as a backend', () => {
    expect(vipsAt('10.0.2.21')).toEqual(['203.0.113.9/32', '203.0.113.10/32']);
  });

  it('has the VIPs of pools that fall back to a pool of this host', () => {
    expect(vipsAt('10.0.2.99')).toEqual(['203.0.113.9/32', '203.0.113.10/32']);
  });

  it('keeps the VIPs of a draining or disabled backend: its flows go on', () => {
    expect(vipsAt('10.0.2.22')).toEqual(['203.0.113.9/32', '203.0.113.10/32', '203.0.113.11/32']);
  });

  it('has none on a host that is in no pool', () => {
    expect(vipsAt('10.0.2.50')).toEqual([]);
  });

  it('is refused without an address of this host', () => {
    expect(() => intentOf({}, cluster)).toThrow(/node\.address/);
  });

  it('leaves room for the larger outer header that may arrive', () => {
    expect(overheadBytes({ outer: ['10.0.2.21'] })).toBe(20);
    expect(overheadBytes({ outer: ['10.0.2.21', '2001:db8:2::21'] })).toBe(40);
  });
});
