import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Flow, flowText, parseFlow, readFlow } from '../../../src/model/flow.ts';

const port = fc.integer({ min: 1, max: 65535 });
const v4 = fc.record({ address: fc.ipV4(), port });
const flow: fc.Arbitrary<Flow> = fc.record({
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  source: v4,
  destination: v4,
});

describe('a written flow', () => {
  it('is read in both forms', () => {
    const expected = {
      protocol: 'tcp',
      source: { address: '198.51.100.7', port: 40000 },
      destination: { address: '203.0.113.10', port: 80 },
    };
    expect(parseFlow('tcp 198.51.100.7:40000 203.0.113.10:80')).toEqual(expected);
    expect(parseFlow(' 198.51.100.7:40000 > 203.0.113.10:80/tcp ')).toEqual(expected);
  });

  it('is read with IPv6 addresses in brackets, made canonical', () => {
    expect(parseFlow('udp [2001:DB8:0::1]:53 [2001:db8::10]:53')?.source.address).toBe('2001:db8::1');
  });

  it('comes back the same after being written', () => {
    fc.assert(
      fc.property(flow, (each) => {
        expect(parseFlow(flowText(each))).toEqual(each);
      }),
    );
  });

  it.each([
    '',
    'tcp',
    'icmp 198.51.100.7:1 203.0.113.10:1',
    'tcp 198.51.100.7 203.0.113.10:80',
    'tcp 198.51.100.7:0 203.0.113.10:80',
    'tcp 198.51.100.7:70000 203.0.113.10:80',
    'tcp 198.51.100.7:1 [2001:db8::1]:80',
    'tcp [198.51.100.7]:1 203.0.113.10:80',
    'tcp 2001:db8::1:1 2001:db8::2:1',
    'tcp 198.51.100.7:1 203.0.113.10:80 extra',
    '198.51.100.7:1 > 203.0.113.10:80',
  ])('is refused when it is %j', (text) => {
    expect(parseFlow(text)).toBeUndefined();
  });

  it.each([
    ['tcp', 'expected a flow like tcp 198.51.100.7:40000 203.0.113.10:80, got "tcp"'],
    ['icmp 198.51.100.7:1 203.0.113.10:1', 'protocol: expected tcp or udp, got "icmp"'],
    ['tcp 198.51.100.7 203.0.113.10:80', /^source: expected ADDRESS:PORT .*, got "198\.51\.100\.7"$/],
    ['tcp 198.51.100.7:1 203.0.113.10:70000', /^destination: expected ADDRESS:PORT .*, got "203\.0\.113\.10:70000"$/],
    ['tcp 198.51.100.7:1 [2001:db8::1]:80', /one family, got 198\.51\.100\.7:1 and \[2001:db8::1\]:80$/],
  ])('names the part of %j that is wrong', (text, words) => {
    expect(readFlow(text)).toMatch(words);
  });
});
