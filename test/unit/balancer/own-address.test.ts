import { describe, expect, it } from 'vitest';
import { foreignAddresses, OwnAddressWatch } from '../../../src/balancer/own-address.ts';

describe('the addresses of a node', () => {
  const interfaces = { eth0: [{ address: '10.0.1.11' }, { address: '2001:db8::11' }], lo: undefined };

  it('are its own when an interface has them', () => {
    expect(foreignAddresses({ address: '10.0.1.11', address6: '2001:db8::11' }, interfaces)).toEqual([]);
    expect(foreignAddresses({ address: null, address6: null }, interfaces)).toEqual([]);
  });

  it('are told when no interface has them', () => {
    expect(foreignAddresses({ address: '10.0.1.12', address6: '2001:db8::11' }, interfaces)).toEqual([
      'node.address: 10.0.1.12 is on no interface of this machine that is up',
    ]);
  });

  it('are told once, and stay told', () => {
    const told: string[] = [];
    const watch = new OwnAddressWatch((warning) => told.push(warning));
    expect(watch.warnings()).toEqual([]);
    watch.follow({ address: '192.0.2.254', address6: null });
    watch.follow({ address: '192.0.2.254', address6: null });
    expect(told).toEqual(['node.address: 192.0.2.254 is on no interface of this machine that is up']);
    expect(watch.warnings()).toEqual(told);
    watch.follow({ address: '127.0.0.1', address6: null });
    expect(watch.warnings()).toEqual([]);
  });
});
