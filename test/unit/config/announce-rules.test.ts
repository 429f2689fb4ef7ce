import { describe, expect, it } from 'vitest';
import { checkDocument } from '../../../src/config/check-document.ts';
import { parseDocument } from '../../../src/config/parse.ts';

const vip = (address: string, more: object = {}) => ({ address, protocol: 'tcp', ports: [80], pool: 'web', ...more });

interface TenantText {
  readonly announce?: readonly string[];
  readonly vips: readonly object[];
  readonly [key: string]: unknown;
}

function textOf(tenants: readonly TenantText[], backend = '10.0.2.21'): string {
  return JSON.stringify({
    version: 1,
    node: {
      address: '10.0.1.11',
      address6: '2001:db8:1::11',
      devices: [{ name: 'eth0' }],
      bgp: { localAs: 65010, peers: [{ address: '10.0.1.1', as: 65000 }] },
    },
    cluster: { secret: { env: 'CLUSTER_KEY' } },
    tenants: tenants.map((tenant, i) => ({ name: `t${i}`, ...tenant })),
    pools: { web: { backends: [{ address: backend }] } },
  });
}

const problemsOf = (...tenants: readonly TenantText[]) => checkDocument(textOf(tenants), 'torii.yaml').problems;
const warningsOf = (...tenants: readonly TenantText[]) => {
  const { problems, warnings } = checkDocument(textOf(tenants), 'torii.yaml');
  expect(problems).toEqual([]);
  return warnings;
};
const vipsOf = (...tenants: readonly TenantText[]) => {
  const result = parseDocument(textOf(tenants));
  if (result.kind === 'bad') throw new Error(JSON.stringify(result.problems));
  return result.config.vips;
};

describe('an aggregate', () => {
  it("stands for its tenant's VIPs inside, with the tenant's policy; the others keep their own routes", () => {
    const vips = vipsOf({
      announce: ['203.0.113.0/28', '2001:DB8::/64'],
      med: 5,
      vips: [vip('203.0.113.10'), vip('203.0.113.99', { prepend: 2 }), vip('2001:db8::10'), vip('203.0.113.8/30')],
    });
    expect(Object.fromEntries(vips.map(({ name, aggregate }) => [name, aggregate]))).toEqual({
      '203.0.113.10:80/tcp': { prefix: '203.0.113.0/28', policy: { med: 5 } },
      '203.0.113.8/30:80/tcp': { prefix: '203.0.113.0/28', policy: { med: 5 } },
      '203.0.113.99:80/tcp': null,
      '[2001:db8::10]:80/tcp': { prefix: '2001:db8::/64', policy: { med: 5 } },
    });
    expect(vips.map(({ policy }) => policy)).toContainEqual({ med: 5, prepend: 2 });
  });

  it('may hold no VIP of another tenant, in whatever way they overlap', () => {
    const own = vip('203.0.113.1');
    const expected = 'tenants[0].announce[0]: expected a prefix without VIPs of other tenants';
    for (const other of ['203.0.113.10', '203.0.113.8/30', '203.0.113.0/24', '203.0.113.0/28']) {
      expect(problemsOf({ announce: ['203.0.113.0/28'], vips: [own] }, { vips: [vip(other)] })).toEqual([
        `${expected} (tenants[1].vips[0] has ${other}), got "203.0.113.0/28" (torii.yaml:1)`,
      ]);
    }
    expect(problemsOf({ announce: ['203.0.113.0/28'], vips: [own] }, { vips: [vip('203.0.113.16')] })).toEqual([]);
  });

  it('is said once to hold the VIPs of others, however many they are', () => {
    const others = Array.from({ length: 9 }, (_, i) => vip(`203.0.113.${i + 2}`));
    expect(problemsOf({ announce: ['203.0.113.0/28'], vips: [vip('203.0.113.1')] }, { vips: others })).toHaveLength(1);
  });

  it("overlaps no other, its own tenant's or another's", () => {
    const inside = { vips: [vip('203.0.113.1')] };
    expect(problemsOf({ ...inside, announce: ['203.0.113.0/24', '203.0.113.0/28'] })).toEqual([
      'tenants[0].announce[1]: expected an aggregate that overlaps no other (tenants[0].announce[0], 203.0.113.0/24, holds it), got "203.0.113.0/28" (torii.yaml:1)',
    ]);
    expect(problemsOf({ ...inside, announce: ['203.0.113.0/28'] }, { vips: [], announce: ['203.0.112.0/20'] })[0]).toContain(
      'tenants[0].announce[0]: expected an aggregate that overlaps no other (tenants[1].announce[0], 203.0.112.0/20, holds it)',
    );
    expect(problemsOf({ ...inside, announce: ['203.0.113.0/28'] }, { vips: [], announce: ['203.0.113.0/28'] })[0]).toContain(
      'tenants[1].announce[0]: expected an aggregate that tenants[0].announce[0] is not',
    );
  });

  it('is a prefix of unicast addresses', () => {
    expect(problemsOf({ announce: ['224.0.0.0/8'], vips: [] })).toEqual([
      'tenants[0].announce[0]: expected a prefix of unicast addresses, got "224.0.0.0/8" (torii.yaml:1)',
    ]);
  });

  it('that holds nothing is never announced, and a warning says so', () => {
    const never = 'holds no VIP of its tenant that is announced with it, so it is never announced (torii.yaml:1)';
    expect(warningsOf({ announce: ['203.0.113.0/28'], vips: [vip('203.0.113.99')] })).toEqual([
      `tenants[0].announce[0]: ${never}`,
    ]);
    expect(warningsOf({ announce: ['203.0.113.0/28'], vips: [vip('203.0.113.9', { blackhole: true })] })).toEqual([
      `tenants[0].announce[0]: ${never}`,
    ]);
  });

  it('takes away what a VIP inside says of its own route, unless that is a blackhole', () => {
    const announce = ['203.0.113.0/28'];
    expect(warningsOf({ announce, vips: [vip('203.0.113.1', { med: 7 })] })).toEqual([
      "tenants[0].vips[0].med: has no effect: 203.0.113.0/28 is announced instead, with the tenant's BGP attributes (torii.yaml:1)",
    ]);
    expect(warningsOf({ announce, vips: [vip('203.0.113.1'), vip('203.0.113.2', { med: 7, blackhole: true })] })).toEqual([]);
  });

  it('that holds a backend might bring its packets back here', () => {
    const text = textOf([{ announce: ['203.0.113.0/24'], vips: [vip('203.0.113.1')] }], '203.0.113.200');
    expect(checkDocument(text, 'torii.yaml').warnings).toEqual([
      'tenants[0].announce[0]: holds the backend 203.0.113.200 of pool web, whose packets come back here where no router knows a narrower way to it (torii.yaml:1)',
    ]);
  });
});

describe('VIPs of one address', () => {
  const web = vip('203.0.113.10', { med: 5, communities: ['65000:2', '65000:1'] });
  const tls = (more: object) => vip('203.0.113.10', { ports: [443], ...more });

  it('have one set of BGP attributes, since they are one route', () => {
    expect(problemsOf({ vips: [web, tls({ med: 7, communities: ['65000:1', '65000:2'] })] })).toEqual([
      'tenants[0].vips[1].med: expected 5, as tenants[0].vips[0] has, since 203.0.113.10 is one route, got 7 (torii.yaml:1)',
    ]);
    expect(problemsOf({ vips: [web, tls({ med: 5 })] })).toEqual([
      'tenants[0].vips[1].communities: expected ["65000:1","65000:2"], as tenants[0].vips[0] has, since 203.0.113.10 is one route, got none (torii.yaml:1)',
    ]);
  });

  it('may have them from their tenants, and be written in different ways', () => {
    const six = vip('2001:db8::10', { med: 5 });
    expect(problemsOf({ vips: [six] }, { med: 5, vips: [vip('2001:DB8:0::10', { ports: [443] })] })).toEqual([]);
    expect(problemsOf({ vips: [six] }, { med: 6, vips: [vip('2001:DB8:0::10', { ports: [443] })] })).toHaveLength(1);
  });

  it('are blackholed together or not at all', () => {
    const problem = (path: string, expected: boolean) =>
      `${path}.blackhole: expected ${expected}, as tenants[0].vips[0] has, since 203.0.113.10 is one route, got ${!expected} (torii.yaml:1)`;
    const plain = vip('203.0.113.10');
    expect(problemsOf({ vips: [plain, tls({ blackhole: true })] })).toEqual([problem('tenants[0].vips[1]', false)]);
    expect(problemsOf({ vips: [{ ...plain, blackhole: true }, tls({})] })).toEqual([problem('tenants[0].vips[1]', true)]);
    expect(problemsOf({ vips: [{ ...plain, blackhole: true }, tls({ blackhole: true })] })).toEqual([]);
  });
});
