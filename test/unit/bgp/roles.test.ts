import { describe, expect, it } from 'vitest';
import { isLeak, onlyToCustomerSent, roleMismatch, roleNames } from '../../../src/bgp/roles.ts';

const claims = (...roles: number[]) => roles.map((role) => ({ kind: 'role', role }) as const);

describe('roles (RFC 9234)', () => {
  it('fit as provider and customer, route server and client, peer and peer', () => {
    const fitting = roleNames.map((ours) =>
      roleNames.filter((_name, theirs) => roleMismatch(ours, claims(theirs)) === undefined),
    );
    expect(fitting).toEqual([['customer'], ['rs-client'], ['rs'], ['provider'], ['peer']]);
  });

  it('fit a peer that claims none, and one that claims the same twice', () => {
    expect(roleMismatch('customer', [])).toBeUndefined();
    expect(roleMismatch('customer', claims(0, 0))).toBeUndefined();
  });

  it('do not fit one that claims several, or one nobody knows', () => {
    expect(roleMismatch('customer', claims(0, 3))).toBe('expected provider since we are customer, got provider and customer');
    expect(roleMismatch('peer', claims(7))).toBe('expected peer since we are peer, got role 7');
  });
});

describe('the Only To Customer attribute', () => {
  it('goes with routes to customers, peers and clients of a route server', () => {
    expect(roleNames.map((role) => onlyToCustomerSent(role, 65010))).toEqual([65010, 65010, undefined, undefined, 65010]);
    expect(onlyToCustomerSent(undefined, 65010)).toBeUndefined();
  });

  it('tells a leak from a customer or client, and from a peer that did not set it', () => {
    expect(roleNames.map((role) => isLeak(role, 65000, 65000))).toEqual([true, true, false, false, false]);
    expect(roleNames.map((role) => isLeak(role, 64999, 65000))).toEqual([true, true, false, false, true]);
    expect(roleNames.some((role) => isLeak(role, undefined, 65000))).toBe(false);
    expect(isLeak(undefined, 64999, 65000)).toBe(false);
  });
});
