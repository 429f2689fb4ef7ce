import { describe, expect, it } from 'vitest';
import { parseFlow } from '../../../src/model/flow.ts';
import { explain } from '../../../src/steering/explain.ts';
import { desiredOf } from '../../support/desired.ts';

const desired = desiredOf({
  vips: ['203.0.113.0/24:80/tcp', '203.0.113.0/28:80/tcp', '203.0.113.7:443/tcp', '[2001:db8:1::/64]:80/tcp'],
});

function vipOf(text: string): string | null {
  const flow = parseFlow(text);
  if (flow === undefined) throw new Error(`no flow: ${text}`);
  const nothing = () => undefined;
  return explain(flow, {
    desired,
    entry: nothing,
    backend: nothing,
    slot: () => 1,
    backendAddress: () => '10.0.2.21',
    learnedMtu: nothing,
  }).vip;
}

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

  it('is none where nothing holds the address', () => {
    expect(vipOf('tcp 198.51.100.7:40000 192.0.2.1:80')).toBeNull();
  });
});
