import { describe, expect, it } from 'vitest';
import type { Desired } from '../../../src/model/desired.ts';
import { parseFlow } from '../../../src/model/flow.ts';
import type { ExplainView } from '../../../src/model/views.ts';
import { explain } from '../../../src/steering/explain.ts';
import { desiredOf } from '../../support/desired.ts';

const desired = desiredOf({
  vips: ['203.0.113.0/24:80/tcp', '203.0.113.0/28:80/tcp', '203.0.113.7:443/tcp', '[2001:db8:1::/64]:80/tcp'],
});

function explained(text: string, what: Desired = desired): ExplainView {
  const flow = parseFlow(text);
  if (flow === undefined) throw new Error(`no flow: ${text}`);
  const nothing = () => undefined;
  return explain(flow, {
    desired: what,
    entry: nothing,
    timeouts: nothing,
    backend: nothing,
    slot: () => 1,
    backendAddress: () => '10.0.2.21',
    learnedMtu: nothing,
  });
}

const vipOf = (text: string): string | null => explained(text).vip;

describe('the VIP of an explained flow', () => {
  it('is that of the longest prefix which holds the address', () => {
    expect(vipOf('tcp 198.51.100.7:40000 203.0.113.200:80')).toBe('203.0.113.0/24:80/tcp');
    expect(vipOf('tcp 198.51.100.7:40000 203.0.113.9:80')).toBe('203.0.113.0/28:80/tcp');
    expect(vipOf('tcp [2001:db8:9::7]:40000 [2001:db8:1::9]:80')).toBe('[2001:db8:1::/64]:80/tcp');
  });

  it('is none of a prefix where the address has VIPs of its own, as in the packet path', () => {
    expect(vipOf('tcp 198.51.100.7:40000 203.0.113.7:443')).toBe('203.0.113.7:443/tcp');
    expect(vipOf('tcp 198.51.100.7:40000 203.0.113.7:80')).toBeNull();
  });

  it('is none where a service of this host has the address, which is said', () => {
    const prefix = { address: '192.0.2.0', length: 24 };
    const local = { name: '192.0.2.0/24', prefix, tenant: 'acme', policy: {}, aggregate: null, isBlackhole: false };
    const localVips = [{ ...local, health: 'up', announce: { kind: 'announce' } }] as const;
    expect(explained('udp 198.51.100.7:40000 192.0.2.53:53', { ...desired, localVips })).toMatchObject({
      verdict: 'pass',
      vip: null,
      steps: [{ result: "192.0.2.53 belongs to VIP 192.0.2.0/24, a service of this host (mode: local): the kernel's" }],
    });
  });

  it('is none where nothing holds the address', () => {
    expect(vipOf('tcp 198.51.100.7:40000 192.0.2.1:80')).toBeNull();
  });
});
